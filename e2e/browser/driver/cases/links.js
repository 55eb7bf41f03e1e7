// Links that do not work any more, or are not for the person who opens them.
import assert from "node:assert/strict";
import { click, decide, fill, heading, isThere, see } from "../lib/page.js";
import { look } from "../lib/views.js";
import { apiKey, grants, later, linkOf, made, newLink, newToken, service, stranger, withdraw } from "../lib/world.js";

export async function expired(person, name) {
  const page = await person.tab(await newLink(name));
  await see(page, "choices");
  try {
    await later(31);
    const response = await page.reload();
    assert.equal(response.status(), 410);
    await heading(page, "This link has expired");
    await look(page, "expired");
  } finally {
    await later(0);
  }
}

export async function endedWhileOpen(person, name) {
  const token = await newToken(name, "acme-key");
  const page = await person.tab(linkOf(token));
  await fill(page, "input-credentials.apiKey", await apiKey());
  await withdraw(token);
  await click(page, "submit");
  await heading(page, "This link works no more");
  assert.deepEqual(await made(name), []);
  await look(page, "ended-while-open");
}

export async function unknownLink(person) {
  const page = await person.tab(linkOf("nango_connect_session_" + "a".repeat(64)));
  await heading(page, "This link does not work");
  await look(page, "unknown-link");
}

export async function noLink(person) {
  const page = await person.tab(`${service}/connect`);
  await heading(page, "Nothing to connect here");
  await look(page, "no-link");
}

// The same link in two tabs: one connects, and both know.
export async function secondTab(person, name) {
  const link = await newLink(name, "acme");
  const first = await person.tab(link);
  const second = await person.tab(link);
  await see(first, "form");
  const popup = await person.windowOf(second, () => click(second, "submit"));
  await decide(popup, "allow");
  await heading(second, "Acme is connected");
  await heading(first, "Acme is connected");
  assert.deepEqual(await made(name), ["acme"]);
}

// Another link in a second tab: the first does not act for the second's user.
export async function secondLink(person, name) {
  const first = await person.tab(await newLink(name, "acme-key"));
  await fill(first, "input-credentials.apiKey", await apiKey());
  const second = await person.tab(await newLink(name + "2", "acme-key"));
  await see(second, "end-user", name + "2");
  await first.bringToFront();
  await click(first, "submit");
  await heading(first, "Another link was opened");
  assert.deepEqual([await made(name), await made(name + "2")], [[], []]);
  await look(first, "another-link");
}

// An attacker has somebody else open a link of the attacker's session, hoping that
// their account is connected to it at once.
export async function attackersLink(victim) {
  const before = await grants();
  const token = await newToken("mallory");
  const page = await victim.tab(`${stranger}/`);
  await Promise.all([
    page.waitForNavigation({ waitUntil: "load" }),
    page.evaluate((url) => location.assign(url), `${service}/oauth/connect/acme?connect_session_token=${token}`),
  ]);
  await heading(page, "Connect Acme");
  assert.equal(page.url(), `${service}/connect?integration=acme`);
  await see(page, "end-user", "mallory");
  await see(page, "owner", "The connection will belong to mallory (mallory@example.com). If that is not you, close this window.");
  await look(page, "attackers-link");
  assert.deepEqual([await made("mallory"), await grants()], [[], before]);
}

// The same where the application knows who is signed in.
export async function anotherUser(victim) {
  await victim.context.setCookie({ name: "app_user", value: "victim", domain: "localhost" });
  const page = await victim.tab(await newLink("mallory"));
  await heading(page, "This link is for somebody else");
  assert.doesNotMatch(await page.content(), /mallory/);
  assert.equal(await isThere(page, "back"), false);
  assert.deepEqual((await victim.context.cookies()).map((c) => c.name), ["app_user"]);
  await look(page, "another-user");
}
