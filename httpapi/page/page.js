// The connect page: choose, see what is asked for, sign in or fill in, done.
import { h, show, say } from "./dom.js";
import { call, isEnd } from "./api.js";
import { Form } from "./form.js";
import { signIn } from "./signin.js";
import { tell, listen } from "./tell.js";

const who = document.body.dataset.who;
const session = document.body.dataset.session;
const reconnecting = "reconnect" in document.body.dataset;
const searchFrom = 7; // integrations, before there is a search
const fewScopes = 8; // that are shown without a click
const closeDelay = 1500; // ms, long enough to read that it worked

let choices = [];
let finished = false;

async function start() {
  try {
    const status = await call("GET", "status");
    if (status.finished) {
      done(status.connection);
      return;
    }
    choices = (await call("GET", "integrations")).integrations;
  } catch (failure) {
    fail(failure, start);
    return;
  }
  listen((message) => {
    if (message.event === "connected" && message.session === session) done(message);
  });
  const wanted = new URLSearchParams(location.search).get("integration");
  const choice = choices.find((c) => c.key === wanted) || (choices.length === 1 ? choices[0] : null);
  if (choice) await offer(choice);
  else choose(true);
}

// fail shows what went wrong where nothing else can be shown.
function fail(failure, again) {
  const titles = {
    unknown_connect_session_token: ["This link works no more", "It has expired or was withdrawn. Please ask for a new one where you got it."],
    connect_session_used: ["Already connected", "This link was used to connect an account. To connect another one, please ask for a new link."],
    session_changed: ["Another link was opened", "This browser has opened another connect link in the meantime. Continue there, or open this one again."],
    forbidden: ["This link is for somebody else", "You are signed in as another person than the one it was made for."],
  };
  const [title, text] = titles[failure.code] || ["Something went wrong", failure.message];
  show([
    h("h1", {}, title),
    h("p", { "data-testid": "problem" }, text),
    isEnd(failure) ? null : h("p", {}, h("button", { type: "button", "data-testid": "again", onclick: again }, "Try again")),
  ]);
  if (isEnd(failure)) tell("error", { session, code: failure.code, title, message: text });
}

function choose(first) {
  const list = h("ul", { class: "choices", "data-testid": "choices", "aria-label": "Integrations" });
  const none = h("p", { hidden: true, "data-testid": "none" });
  const fill = (words) => {
    const found = choices.filter((c) => words.every((w) => `${c.name} ${c.provider} ${c.key}`.toLowerCase().includes(w)));
    list.replaceChildren(...found.map(entry));
    none.hidden = found.length > 0;
    return found.length;
  };
  const search = h("input", { type: "search", id: "search", "data-testid": "search", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => {
    const count = fill(search.value.toLowerCase().split(/\s+/).filter(Boolean));
    none.textContent = "Nothing is called that. Check the spelling, or search for less.";
    say(count === 1 ? "1 integration" : `${count} integrations`);
  });
  if (fill([]) === 0) none.textContent = "There is nothing to connect yet. Please tell whoever gave you the link.";
  show([
    h("h1", {}, "What do you want to connect?"),
    choices.length >= searchFrom ? h("p", { class: "search" }, h("label", { for: "search" }, "Search"), search) : null,
    list,
    none,
  ], { keep: first });
}

function entry(choice) {
  const names = new Set(choices.filter((c) => c.name === choice.name).map((c) => c.key));
  return h("li", {}, h("button", { type: "button", class: "choice", "data-testid": "choice-" + choice.key, onclick: () => offer(choice) },
    h("img", { src: choice.logo, alt: "", width: "40", height: "40" }),
    h("span", {}, choice.name, names.size > 1 ? h("span", { class: "quiet" }, " " + choice.key) : null)));
}

async function offer(choice) {
  try {
    draw(await call("GET", "integrations/" + encodeURIComponent(choice.key)));
  } catch (failure) {
    fail(failure, () => offer(choice));
  }
}

// draw shows an integration; typed is what was in its form before.
function draw(it, problem, typed) {
  const form = new Form(typed ? it.fields.map((f) => ({ ...f, value: typed[f.group][f.name] || f.value })) : it.fields);
  const summary = h("div", { class: "problem", role: "alert", "data-testid": "problem", hidden: true });
  const submit = h("button", { type: "submit", "data-testid": "submit" }, it.signIn ? `Continue to ${it.provider}` : "Connect");
  const report = (failure) => {
    if (isEnd(failure)) {
      fail(failure);
      return;
    }
    const left = form.mark(failure.items || []);
    const others = failure.items && failure.items.length > left.length;
    summary.hidden = false;
    summary.replaceChildren(h("p", {}, others ? "Please look at what is marked below." : failure.message), ...left.map((i) => h("p", {}, i.message)));
  };
  const element = h("form", { novalidate: true, "data-testid": "form", autocomplete: "off" }, summary, form.element, ...asks(it),
    h("p", { class: "actions" }, submit, choices.length > 1 ? h("button", { type: "button", class: "plain", "data-testid": "back", onclick: () => choose() }, "Choose another") : null));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    summary.hidden = true;
    if (!form.check()) {
      report({ items: [], message: "Something is missing. Please look at what is marked below." });
      form.check();
      return;
    }
    submit.disabled = true;
    say(it.signIn ? "Opening the sign-in" : "Connecting");
    const values = form.values();
    try {
      if (it.signIn) await signIn(it, values.config, { waiting: (w) => waiting(it, w, values), done, failed: (f) => (isEnd(f) ? fail(f) : draw(it, f, values)) });
      else done(await call("POST", "connections/" + encodeURIComponent(it.key), values));
    } catch (failure) {
      report(failure);
    } finally {
      submit.disabled = false;
    }
  });
  show([
    h("div", { class: "title" }, h("img", { src: it.logo, alt: "", width: "48", height: "48" }), h("h1", {}, (reconnecting ? "Reconnect " : "Connect ") + it.name)),
    element,
  ]);
  if (problem) report(problem);
}

// asks says what will happen before it does.
function asks(it) {
  const out = [];
  if (it.signIn) out.push(h("p", { "data-testid": "asks" }, `You will sign in at ${it.provider} in a new window, and decide there whether to allow access.`));
  if (it.scopes && it.scopes.length > 0) {
    out.push(h("details", { "data-testid": "scopes", open: it.scopes.length <= fewScopes }, h("summary", {}, it.scopes.length === 1 ? "1 permission is asked for" : `${it.scopes.length} permissions are asked for`),
      h("ul", {}, it.scopes.map((s) => h("li", {}, h("code", {}, s))))));
  }
  if (it.help) out.push(h("p", {}, h("a", { href: it.help, target: "_blank", rel: "noopener noreferrer", "data-testid": "help" }, `How to connect ${it.provider}`, h("span", { class: "unseen" }, " (opens in a new window)"))));
  out.push(h("p", { class: "quiet", "data-testid": "owner" }, who ? `The connection will belong to ${who}. If that is not you, close this window.` : "Continue only if you have asked for this link yourself."));
  return out;
}

function waiting(it, controls, values) {
  show([
    h("h1", {}, `Finish at ${it.provider}`),
    h("p", { "data-testid": "waiting" }, "A new window is open for you to sign in. This page goes on by itself when you are done."),
    h("p", { class: "actions" },
      h("button", { type: "button", "data-testid": "focus-window", onclick: controls.focus }, "Show the window"),
      h("button", { type: "button", class: "plain", "data-testid": "cancel", onclick: () => { controls.cancel(); draw(it, null, values); } }, "Cancel")),
  ]);
}

function done(made) {
  if (finished) return;
  finished = true;
  const known = choices.find((c) => c.key === made.providerConfigKey);
  const name = made.name || (known && known.name) || made.providerConfigKey;
  show([
    h("p", { class: "mark connected", "aria-hidden": "true" }),
    h("h1", {}, made.isPending ? `${name} waits for approval` : `${name} is connected`),
    h("p", { "data-testid": "done" }, made.isPending ? "Somebody has to approve it at the provider. You can close this window." : "You can close this window."),
    window.opener ? h("p", {}, h("button", { type: "button", "data-testid": "close", onclick: () => window.close() }, "Close this window")) : null,
  ]);
  tell("connected", { session, connectionId: made.connectionId, providerConfigKey: made.providerConfigKey, isPending: Boolean(made.isPending) });
  if (window.opener && !made.isPending) setTimeout(() => window.close(), closeDelay);
}

start();
