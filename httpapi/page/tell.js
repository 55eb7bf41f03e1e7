// What happened is told to the window that opened this one, if its origin is one that
// the service lists, and to all windows of this page in the browser.

const channelName = "tieline-connect";

function origins() {
  const listed = JSON.parse(document.body.dataset.origins || "[]");
  return [location.origin, ...listed.filter((o) => o !== location.origin)];
}

// tell sends { source: "tieline", event, ... }. A failure is told to other windows of
// the page only if there is none that opened this one.
export function tell(event, detail) {
  const message = { source: "tieline", event, ...detail };
  if (window.opener) {
    for (const origin of origins()) {
      try {
        window.opener.postMessage(message, origin);
      } catch {
        // The opener is gone; the channel and the status tell.
      }
    }
  }
  if ("BroadcastChannel" in window && !(event === "error" && window.opener)) {
    const channel = new BroadcastChannel(channelName);
    channel.postMessage(message);
    channel.close();
  }
}

// listen calls back with messages of this page's other windows, and returns what ends it.
export function listen(callback) {
  const take = (data) => {
    if (data && data.source === "tieline") callback(data);
  };
  const onMessage = (e) => {
    if (e.origin === location.origin) take(e.data);
  };
  window.addEventListener("message", onMessage);
  let channel = null;
  if ("BroadcastChannel" in window) {
    channel = new BroadcastChannel(channelName);
    channel.onmessage = (e) => take(e.data);
  }
  return () => {
    window.removeEventListener("message", onMessage);
    if (channel) channel.close();
  };
}
