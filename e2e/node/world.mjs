// What all checks share: clients that note which of their methods are called, calls
// that the client has no method for, and the test that has started this program.
import assert from 'node:assert/strict';
import http from 'node:http';
import { Nango } from '@nangohq/node';

const { TIELINE_URL, TIELINE_KEY, TIELINE_TEST } = process.env;

export const url = TIELINE_URL;
export const called = new Set();
const done = [];

// check runs one check and prints its name. The first that fails ends the program.
export async function check(name, run) {
    try {
        await run();
    } catch (err) {
        // The errors of the client's HTTP library are a thousand lines when they are printed.
        console.error(`failed: ${name}\n${err.stack}`, err.response?.status ?? '', JSON.stringify(err.response?.data) ?? '');
        process.exit(1);
    }
    done.push(name);
    console.log(`ok ${name}`);
}

export const count = () => done.length;

// client makes a client. What is called of it is noted.
export function client(config = {}) {
    return new Proxy(new Nango({ host: url, apiKey: TIELINE_KEY, ...config }), {
        get(target, name) {
            const value = target[name];
            if (typeof value !== 'function') {
                return value;
            }
            return (...args) => {
                called.add(name);
                return value.apply(target, args);
            };
        },
    });
}

// refused expects an answer with a status and a code, and returns its error.
export async function refused(promise, status, code) {
    let err;
    try {
        await promise;
    } catch (caught) {
        err = caught;
    }
    assert.ok(err, `was not refused with ${status} ${code}`);
    assert.ok(err.response, `no answer: ${err.message}`);
    const { error } = err.response.data;
    assert.deepEqual([err.response.status, error?.code], [status, code], JSON.stringify(err.response.data));
    return error;
}

// send is a request without the client, and without what makes fetch look like a page.
export function send(method, target, { headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
        const req = http.request(target, { method, headers, agent: false }, (res) => {
            const parts = [];
            res.on('data', (part) => parts.push(part));
            res.on('error', reject);
            res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() }));
        });
        req.on('error', reject);
        req.end(body);
    });
}

// importConnection stores a connection, for which the client has no method.
export async function importConnection(body) {
    const answer = await send('POST', `${url}/connections`, {
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${TIELINE_KEY}` },
        body: JSON.stringify(body),
    });
    assert.equal(answer.status, 201, answer.text);
    return JSON.parse(answer.text);
}

// test asks the test that has started this program for something.
export async function test(what, body = '') {
    const answer = await send('POST', `${TIELINE_TEST}/${what}`, { body });
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
}

// hurried runs f while timers take a hundredth of their time.
export async function hurried(f) {
    const real = globalThis.setTimeout;
    globalThis.setTimeout = (run, ms, ...args) => real(run, ms / 100, ...args);
    try {
        return await f();
    } finally {
        globalThis.setTimeout = real;
    }
}
