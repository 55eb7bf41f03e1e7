// Pages of other origins, which open the connect page with connect.js.
import assert from "node:assert/strict";
import { closed } from "../lib/browser.js";
import { click, fill, heading, see, until } from "../lib/page.js";
import { apiKey, application, linkOf, made, newLink, newToken, service, stranger } from "../lib/world.js";

const open = (person, page) => person.windowOf(page, () => page.click("#open"));

// told is what the application has written down, once it has written this.
async function told(page, last) {
  await until(page, `the application is told "${last}"`, (last) => document.getElementById("told").textContent.includes(last), last);
  const lines = await page.$eval("#told", (e) => e.textContent.trim().split("\n"));
  return lines.map((line) => JSON.parse(line));
}

async function connectByKey(page) {
  await fill(page, "input-credentials.apiKey", await apiKey());
  await click(page, "submit");
}

export async function openedByApplication(person, name) {
  const page = await person.tab(`${application}/?sessionToken=${await newToken(name, "acme-key")}`);
  const popup = await open(person, page);
  await connectByKey(popup);
  const events = await told(page, "resolved");
  await closed(popup, "the window closes by itself");
  const { connectionId } = events.at(-1).resolved;
  assert.ok(connectionId);
  const result = { connectionId, providerConfigKey: "acme-key", isPending: false };
  assert.deepEqual(events, [{ event: "opened" }, { heard: "connected" }, { event: "connected", ...result }, { resolved: result }]);
  assert.deepEqual(await made(name), ["acme-key"]);
}

export async function applicationWithoutWindows(person, name) {
  const page = await person.tab();
  await page.evaluateOnNewDocument(() => {
    window.open = () => null;
  });
  await page.goto(`${application}/?url=${encodeURIComponent(await newLink(name, "acme-key"))}`);
  await Promise.all([page.waitForNavigation(), page.click("#open")]);
  await see(page, "form");
  assert.equal(page.url(), `${service}/connect`);
  await connectByKey(page);
  await heading(page, "Acme (API key) is connected");
}

export async function closedByUser(person, name) {
  const page = await person.tab(`${application}/?url=${encodeURIComponent(await newLink(name, "acme-key"))}`);
  const popup = await open(person, page);
  await see(popup, "form");
  await popup.close();
  assert.deepEqual(await told(page, "rejected"), [{ event: "opened" }, { event: "closed" }, { rejected: "closed" }]);
}

// A page that the options do not list can open the connect page, but is not told anything.
export async function strangersHearNothing(person, name) {
  const page = await person.tab(`${stranger}/?url=${encodeURIComponent(await newLink(name, "acme-key"))}`);
  const popup = await open(person, page);
  await connectByKey(popup);
  await closed(popup, "the window closes by itself");
  assert.deepEqual(await told(page, "rejected"), [{ event: "opened" }, { event: "closed" }, { rejected: "closed" }]);
  assert.deepEqual(await made(name), ["acme-key"]);
}

export async function neverInFrame(person, name) {
  const page = await person.tab(`${application}/`);
  const link = linkOf(await newToken(name));
  const failed = new Promise((resolve) => page.on("requestfailed", (request) => resolve(request.failure().errorText)));
  await page.evaluate((link) => {
    const frame = document.createElement("iframe");
    frame.src = link;
    document.body.append(frame);
  }, link);
  assert.equal(await failed, "net::ERR_BLOCKED_BY_RESPONSE");
  await person.expects(/frame-ancestors/);
}
