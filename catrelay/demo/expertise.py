"""The expertise category of the sample tenant: job fields in two levels, each second one with a job title."""

from catrelay.models import CategoryValueUpload

IT = "it"
DATA_SCIENCES = "it/data-sciences"

FIELDS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    IT: (
        "IT",
        {
            "data-sciences": ("Data Sciences", "Data Scientist"),
            "software": ("Software Engineering", "Software Engineer"),
            "infrastructure": ("Infrastructure and Cloud", "Site Reliability Engineer"),
            "security": ("Information Security", "Security Analyst"),
            "support": ("Service Desk", "Service Desk Analyst"),
            "architecture": ("Enterprise Architecture", "Solutions Architect"),
        },
    ),
    "engineering": (
        "Engineering",
        {
            "civil": ("Civil Engineering", "Civil Engineer"),
            "electrical": ("Electrical Engineering", "Electrical Engineer"),
            "mechanical": ("Mechanical Engineering", "Mechanical Engineer"),
            "geotechnical": ("Geotechnical Engineering", "Geotechnical Engineer"),
            "process": ("Process Engineering", "Process Engineer"),
        },
    ),
    "health": (
        "Health",
        {
            "nursing": ("Nursing", "Registered Nurse"),
            "medicine": ("Medicine", "General Practitioner"),
            "midwifery": ("Midwifery", "Midwife"),
            "pharmacy": ("Pharmacy", "Pharmacist"),
            "allied": ("Allied Health", "Physiotherapist"),
            "mental": ("Mental Health", "Clinical Psychologist"),
        },
    ),
    "education": (
        "Education",
        {
            "early": ("Early Childhood", "Kaiako | Early Childhood Teacher"),
            "primary": ("Primary", "Primary School Teacher"),
            "secondary": ("Secondary", "Mathematics Teacher"),
            "tertiary": ("Tertiary", "Lecturer"),
            "special": ("Special Education", "Learning Support Coordinator"),
        },
    ),
    "finance": (
        "Finance",
        {
            "accounting": ("Accounting", "Management Accountant"),
            "audit": ("Audit", "Internal Auditor"),
            "payroll": ("Payroll", "Payroll Officer"),
            "treasury": ("Treasury", "Treasury Analyst"),
            "tax": ("Tax", "Tax Adviser"),
        },
    ),
    "people": (
        "People and Culture",
        {
            "recruitment": ("Recruitment", "Talent Acquisition Partner"),
            "partnering": ("Business Partnering", "HR Business Partner"),
            "learning": ("Learning and Development", "Learning Designer"),
            "remuneration": ("Remuneration", "Remuneration Specialist"),
            "safety": ("Health and Safety", "Health & Safety Adviser"),
        },
    ),
    "sales": (
        "Sales and Marketing",
        {
            "retail": ("Retail", "Store Manager"),
            "accounts": ("Account Management", "Key Account Manager"),
            "brand": ("Brand", "Brand Manager"),
            "digital": ("Digital Marketing", "Digital Marketing Lead"),
            "insights": ("Customer Insights", "Insights Analyst"),
        },
    ),
    "operations": (
        "Operations",
        {
            "logistics": ("Logistics", "Logistics Planner"),
            "manufacturing": ("Manufacturing", "Production Team Leader"),
            "procurement": ("Procurement", "Category Buyer"),
            "warehouse": ("Warehousing", "Forklift Operator"),
            "transport": ("Transport", "Class 5 Driver"),
        },
    ),
    "hospitality": (
        "Hospitality",
        {
            "kitchen": ("Kitchen", "Sous-chef"),
            "service": ("Food Service", "Café Manager"),
            "accommodation": ("Accommodation", "Housekeeping Supervisor"),
            "events": ("Events", "Event Coordinator"),
        },
    ),
    "science": (
        "Science and Environment",
        {
            "laboratory": ("Laboratory", "Laboratory Technician"),
            "ecology": ("Ecology", "Freshwater Ecologist"),
            "climate": ("Climate", "Climate Adviser"),
            "conservation": ("Conservation", "Biodiversity Ranger"),
        },
    ),
    "public": (
        "Public Service",
        {
            "policy": ("Policy", "Senior Policy Analyst"),
            "maori": ("Māori Engagement", "Pou Ārahi | Māori Engagement Lead"),
            "planning": ("Urban Planning", "Consents Planner"),
            "libraries": ("Libraries", "Librarian"),
            "emergency": ("Emergency Management", "Emergency Management Adviser"),
        },
    ),
    "creative": (
        "Creative",
        {
            "design": ("Design", "Product Designer"),
            "writing": ("Writing", "UX Writer"),
            "film": ("Film and Sound", "Sound Editor"),
            "games": ("Games", "Gameplay Programmer"),
        },
    ),
}


def expertise_tree() -> tuple[CategoryValueUpload, ...]:
    """The fields as a tree to upload. externalId is the path of codes."""
    return tuple(
        CategoryValueUpload(
            name=name,
            code=code,
            external_id=code,
            values=tuple(
                CategoryValueUpload(name=field_name, code=field, external_id=f"{code}/{field}", values=())
                for field, (field_name, _) in fields.items()
            ),
        )
        for code, (name, fields) in FIELDS.items()
    )


def titles() -> dict[str, str]:
    """A job title for each field of the second level, by externalId."""
    return {f"{code}/{field}": title for code, (_, fields) in FIELDS.items() for field, (_, title) in fields.items()}
