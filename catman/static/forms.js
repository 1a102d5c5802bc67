// Forms that ask for a change: sent once at a time, and what is refused is read in them.

/** The answer to *act*, or null when it was refused. Until then the form cannot be sent again. */
export async function send(form, act) {
  const button = form.querySelector(".primary");
  const error = form.querySelector("[role=alert]");
  const focused = document.activeElement;
  button.disabled = true;
  error.textContent = "";
  try {
    return await act();
  } catch (refused) {
    error.textContent = refused.message;
    return null;
  } finally {
    button.disabled = false;
    if (focused === button && error.textContent) button.focus();
  }
}
