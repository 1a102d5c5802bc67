// The token may come in the fragment, which no server and no log ever sees. It is taken out of the address at once.
function signInByAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("sign-in");
  form.elements.token.value = token;
  form.submit();
}

signInByAddress();
// Opened where this page stands already, such an address loads nothing anew.
addEventListener("hashchange", signInByAddress);
