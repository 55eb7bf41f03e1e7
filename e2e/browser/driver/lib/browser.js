// Chromium, and the people who use it.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import puppeteer from "puppeteer-core";

const executablePath = process.env.TIELINE_CHROMIUM;

export const patience = 20_000; // ms for anything to happen, on a busy machine

export const launch = () =>
  puppeteer.launch({
    executablePath,
    args: [
      `--ignore-certificate-errors-spki-list=${process.env.TIELINE_CERTIFICATE}`,
      "--no-sandbox", // which needs what root and most containers do not have; the pages are ours
      "--disable-dev-shm-usage",
    ],
  });

// Person has cookies and windows of their own, and hears what pages complain about.
export class Person {
  constructor(context) {
    this.context = context;
    this.complaints = [];
    this.news = new EventEmitter();
  }

  static async arrive(browser) {
    return new Person(await browser.createBrowserContext());
  }

  async leave() {
    await this.context.close();
  }

  async tab(url) {
    const page = await this.context.newPage();
    this.watch(page);
    if (url) await page.goto(url);
    return page;
  }

  // windowOf does what opens a window, and returns it.
  async windowOf(page, act) {
    const opened = new Promise((resolve) => page.once("popup", resolve));
    await act();
    const popup = await within(opened, "a window opens");
    this.watch(popup);
    return popup;
  }

  watch(page) {
    page.setDefaultTimeout(patience);
    page.on("pageerror", (error) => this.complain(error.message));
    page.on("console", (message) => {
      // What was not found or refused is also seen as an answer, below.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.complain(message.text());
    });
    page.on("response", (response) => {
      const kinds = ["script", "stylesheet", "image", "font"];
      if (response.status() >= 400 && kinds.includes(response.request().resourceType())) {
        this.complain(`${response.url()}: ${response.status()}`);
      }
    });
  }

  complain(text) {
    this.complaints.push(text);
    this.news.emit("complaint");
  }

  // expects waits for a complaint, and forgets it.
  async expects(pattern) {
    const find = () => this.complaints.findIndex((text) => pattern.test(text));
    while (find() < 0) await within(once(this.news, "complaint"), `a complaint like ${pattern}`);
    this.complaints.splice(find(), 1);
  }

  checkComplaints() {
    assert.deepEqual(this.complaints, [], "pages complain");
  }
}

export async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${patience} ms`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// closed waits for a window to go away.
export async function closed(page, what) {
  await within(new Promise((resolve) => (page.isClosed() ? resolve() : page.once("close", resolve))), what);
}
