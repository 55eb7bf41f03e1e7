// Runs the cases one after another, each with a browser of its own as far as cookies go,
// and says of each whether it is ok. Everything it needs to know is in the environment.
import { launch, Person } from "./lib/browser.js";
import * as connecting from "./cases/connecting.js";
import * as signingIn from "./cases/signing-in.js";
import * as told from "./cases/told.js";
import * as links from "./cases/links.js";
import * as access from "./cases/access.js";
import * as applications from "./cases/applications.js";

const all = Object.assign({}, connecting, signingIn, told, links, access, applications);
const only = process.env.TIELINE_CASE;

async function runCase(browser, name) {
  const began = Date.now();
  const person = await Person.arrive(browser);
  try {
    await all[name](person, name);
    person.checkComplaints();
    console.log(`ok ${name} ${Date.now() - began} ms`);
    return true;
  } catch (error) {
    console.log(`not ok ${name}: ${error.stack}`);
    return false;
  } finally {
    await person.leave();
  }
}

async function main() {
  const names = Object.keys(all).filter((name) => !only || name === only);
  if (names.length === 0) throw new Error(`there is no case ${only}`);
  const browser = await launch();
  const failed = [];
  try {
    for (const name of names) if (!(await runCase(browser, name))) failed.push(name);
  } finally {
    await browser.close();
  }
  if (failed.length > 0) throw new Error(`${failed.length} of ${names.length} cases failed: ${failed.join(", ")}`);
}

await main().catch((error) => {
  console.log(error.message);
  process.exitCode = 1;
});
