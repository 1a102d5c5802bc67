document.getElementById("front-door").addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`/t/${encodeURIComponent(event.target.elements.tenant.value.trim())}/edit`);
});
