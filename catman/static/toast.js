// Says what happened: seen below, and heard through the live region that it is.

const toast = document.getElementById("toast");
const said = document.getElementById("said");
const closer = document.getElementById("toast-close");

export function say(message) {
  said.textContent = message;
  toast.classList.add("shown");
  closer.hidden = false;
}

export function hush() {
  said.textContent = "";
  toast.classList.remove("shown");
  closer.hidden = true;
}

/** Run what may be refused, and say so if it is. */
export const saying =
  (act) =>
  async (...given) => {
    try {
      await act(...given);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message);
    }
  };

closer.addEventListener("click", hush);
