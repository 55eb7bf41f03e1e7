// Tieline.openConnect opens the connect page and tells what came of it:
//
//   const { connectionId, providerConfigKey } = await Tieline.openConnect({ url: connectLink });
//
// Call it in a click, or browsers open no window. Options:
//
//   url           the connect link that the service answered with; or instead of it
//   sessionToken  the session's token, and
//   baseURL       where the service is, "https://connect.example.com" (default: where this script is from)
//   onEvent       called with { event: "opened" | "connected" | "error" | "closed" | "redirected", ... }
//   redirect      false: fail when no window can be opened, instead of going there in this one
//
// The promise fails with an Error whose code is "blocked" (no window could be opened),
// "closed" (the user has closed it; ask the service whether a connection was made
// all the same), or what the page says. The page's origin has to list yours.
(function () {
  "use strict";

  const own = document.currentScript ? document.currentScript.src : "";
  const closedPoll = 500; // ms between two looks at whether the window is there
  const closedGrace = 1000; // ms in which a last message may still come

  function target(options) {
    if (options.url) return new URL(options.url, location.href);
    if (!options.sessionToken) throw new TypeError("openConnect needs a url or a sessionToken");
    const base = options.baseURL ? options.baseURL.replace(/\/+$/, "") + "/" : own;
    if (!base) throw new TypeError("openConnect needs a baseURL");
    const page = new URL("connect", base);
    page.searchParams.set("session_token", options.sessionToken);
    return page;
  }

  function failure(code, message) {
    const error = new Error(message);
    error.code = code;
    return error;
  }

  function openConnect(options) {
    const emit = (event, detail) => {
      if (options.onEvent) options.onEvent({ event, ...detail });
    };
    return new Promise((resolve, reject) => {
      const page = target(options);
      if (page.protocol !== "https:" && page.protocol !== "http:") throw new TypeError("openConnect needs an https url");
      const popup = window.open(page, "tieline-connect", "popup,width=520,height=760");
      if (!popup) {
        if (options.redirect === false) {
          reject(failure("blocked", "The browser has blocked the window"));
          return;
        }
        emit("redirected");
        location.assign(page); // and the promise ends with this page
        return;
      }
      let timer = 0;
      let over = false;
      const end = () => {
        over = true;
        window.removeEventListener("message", onMessage);
        clearInterval(timer);
      };
      const onMessage = (e) => {
        if (e.origin !== page.origin || e.source !== popup || !e.data || e.data.source !== "tieline") return;
        const { event, connectionId, providerConfigKey, isPending, code, message } = e.data;
        if (event === "connected") {
          end();
          emit("connected", { connectionId, providerConfigKey, isPending: Boolean(isPending) });
          resolve({ connectionId, providerConfigKey, isPending: Boolean(isPending) });
        } else if (event === "error") {
          emit("error", { code, message }); // the user may try again: no end
        }
      };
      window.addEventListener("message", onMessage);
      timer = setInterval(() => {
        if (!popup.closed) return;
        clearInterval(timer);
        setTimeout(() => {
          if (over) return;
          end();
          emit("closed");
          reject(failure("closed", "The window was closed"));
        }, closedGrace);
      }, closedPoll);
      emit("opened");
    });
  }

  const all = (globalThis.Tieline = globalThis.Tieline || {});
  all.openConnect = openConnect;
})();
