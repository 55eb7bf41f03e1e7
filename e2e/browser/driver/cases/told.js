// The page hears of the end in one of three ways. Each has to do alone: some
// providers cut the tie between the windows, and some browsers know no channels.
import assert from "node:assert/strict";
import { closed } from "../lib/browser.js";
import { click, decide, heading } from "../lib/page.js";
import { made, newLink } from "../lib/world.js";

async function withOnly(way, person, name) {
  const page = await person.tab(await newLink(name, "acme"));
  const popup = await person.windowOf(page, () => click(page, "submit"));
  await heading(page, "Finish at Acme");
  await popup.evaluateOnNewDocument((way) => {
    if (way !== "opener") window.opener = null;
    if (way !== "channel") delete window.BroadcastChannel;
  }, way);
  let polls = 0;
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (!request.url().endsWith("/connect/api/status")) return request.continue();
    polls++;
    return way === "polling" ? request.continue() : request.abort();
  });
  await decide(popup, "allow");
  await heading(page, "Acme is connected");
  await closed(popup, "the window closes by itself");
  assert.deepEqual(await made(name), ["acme"]);
  return polls;
}

export const toldByOpener = (person, name) => withOnly("opener", person, name);

export const toldByChannel = (person, name) => withOnly("channel", person, name);

export async function toldByPolling(person, name) {
  assert.ok((await withOnly("polling", person, name)) > 0);
}
