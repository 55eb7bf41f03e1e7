// The end of a sign-in: tells the window that opened this one, and closes.
import { tell } from "./tell.js";

const { outcome, code, title, text, session, integration, connection } = document.body.dataset;
const closeDelay = 900; // ms, long enough to see that it worked

const button = document.getElementById("close");
if (window.opener) {
  button.hidden = false;
  button.addEventListener("click", () => window.close());
  const back = document.getElementById("back");
  if (back && window.name === "tieline-oauth") back.remove(); // the page is in the window that opened this one
}

if (outcome === "connected" || outcome === "pending") {
  tell("connected", { session, connectionId: connection, providerConfigKey: integration, isPending: outcome === "pending" });
  if (outcome === "connected") setTimeout(() => window.close(), closeDelay);
} else if (outcome === "error") {
  tell("error", { code, title, message: text });
}
document.getElementById("title").focus();
