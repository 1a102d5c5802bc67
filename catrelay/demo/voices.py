"""Who speaks on the sample tenant's career site, and what they say."""

# ruff: noqa: RUF001 - that letters of other scripts look like ASCII ones is the point

AUTHORS = (
    "Jake Thompson",
    "Aroha Ngata",
    "Te Rangi Parāone",
    "Māia Whātuira",
    "فاطمة الزهراء",
    "محمد بن يوسف",
    "יעל כהן",
    "李小龍",
    "田中 さくら",
    "김민준",
    "Nguyễn Thị Minh Khai",
    "Siobhán Ní Dhomhnaill",
    "Łukasz Żółć",
    "Zoe\u0308 Mu\u0308ller",  # combining diaeresis, as some keyboards and file systems give it
    "Jose\u0301 A\u0301lvarez",
    "Þórdís Ægisdóttir",
    "Олександра Шевченко",
    "Γιώργος Παπαδόπουλος",
    "अनन्या शर्मा",
    "தமிழ்ச்செல்வி",
    "ปิยะวัฒน์ ศรีสุข",
    "Ọlásùnkànmí Adébáyọ̀",
    "ʻAlisi Tupou",
    "Tūī O'Brien-Smith",
    "Ana María del Carmen Núñez y Gómez",
    "D'Arcy van der Berg",
    "Björk 🌋 Jónsdóttir",
    "X Æ",
    "Gülşah Çelik",
    "Փիլիպոս Սարգսյան",
)

TEXTS = (
    "I came for a season and stayed for nine years. The people are the reason.",
    "Kia ora! Here my reo is part of my work, not something I leave at the door.",
    "Nobody minds when I leave at three to pick up my children. The work gets done.",
    "أحب العمل هنا لأن الجميع يتعلم من الجميع.",
    "They paid for my degree & kept my desk warm. 🎓",
    "Best flat white in any office kitchen. I have tested this claim. ☕️☕️",
    "We shipped it, we broke it, we fixed it together <3 – and nobody was blamed.",
    "Ko te mea nui o te ao? He tāngata, he tāngata, he tāngata.",
    "ここでは新しい考えがいつも歓迎されます。",
    "My manager asked how I was, and then waited for the answer.",
    "In meinem ersten Jahr durfte ich schon ein Team führen – großartig!",
    "The view from the depot at sunrise 🌅 is worth the early start.",
    "Je ne savais pas qu'un travail pouvait être aussi drôle.",
    "I asked for a standing desk and got one the next morning. 👩🏽‍💻",
    "Half of us started in another country; lunch is never boring. 🇳🇿🇹🇴🇮🇳",
    "Safety first is not a poster here. I have stopped the line twice & was thanked.",
)

COMPANIES = ("Acme", "Acme Aotearoa", "Acme Health", "Acme Logistics", "Acme Energía", "アクメ株式会社")
