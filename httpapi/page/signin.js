// Signing in at a provider, in a window of its own, or in this one if the browser
// does not let a window open.
import { call } from "./api.js";
import { listen } from "./tell.js";

const pollFirst = 1500; // ms between two looks at the status, growing to pollLast
const pollLast = 6000;
const features = "popup,width=620,height=760";

// signIn must be called in a click, or browsers open no window. It returns when the
// window is on its way.
export async function signIn(it, config, { waiting, done, failed }) {
  const popup = window.open("", "tieline-oauth", features);
  try {
    popup.document.title = "One moment";
    popup.document.body.textContent = `Going to ${it.provider}…`;
  } catch {
    // There is no window, or one that was open already and is at the provider.
  }
  let url;
  try {
    url = (await call("POST", "authorize/" + encodeURIComponent(it.key), { config, sameWindow: !popup })).url;
  } catch (failure) {
    if (popup) popup.close();
    throw failure;
  }
  if (!popup) {
    location.assign(url);
    return;
  }
  popup.location.replace(url);
  const end = watch(done, failed);
  waiting({
    focus: () => {
      if (!popup.closed) popup.focus();
      else window.open(url, "tieline-oauth", features); // until it was used, it still works
    },
    cancel: () => {
      end();
      popup.close();
    },
  });
}

// watch waits for the end. The window tells it; but some providers cut the tie
// between the windows, so the service is asked as well. For the same reason a window
// that looks closed may be open, and is no end.
function watch(done, failed) {
  let over = false;
  let timer = 0;
  const end = () => {
    over = true;
    clearTimeout(timer);
    unlisten();
  };
  const unlisten = listen((message) => {
    if (over || message.event !== "error") return; // success is listened for by the page
    end();
    failed({ code: message.code, message: `${message.title}. ${message.message}`, items: [] });
  });
  const poll = async (wait) => {
    try {
      const status = await call("GET", "status");
      if (over) return;
      if (status.finished) {
        end();
        done(status.connection);
        return;
      }
    } catch (failure) {
      if (over) return;
      if (failure.status === 401 || failure.status === 409 || failure.status === 403) {
        end();
        failed(failure);
        return;
      }
    }
    timer = setTimeout(() => poll(Math.min(wait * 1.3, pollLast)), wait);
  };
  timer = setTimeout(() => poll(pollFirst), pollFirst);
  return end;
}
