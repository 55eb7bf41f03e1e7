import assert from 'node:assert/strict';
import { check, client, refused, test } from './world.mjs';
import { echo } from './connections.mjs';

// The provider behind these calls answers with what it has received.
export async function proxy() {
    const nango = client();
    const to = { providerConfigKey: echo, connectionId: 'a b' };
    await check('get', async () => {
        const { status, data, headers } = await nango.get({ ...to, endpoint: '/v1/a%2Fb?x=1&x=2', headers: { 'X-Custom': 'c' } });
        assert.deepEqual([status, data.method, data.uri, data.body], [200, 'GET', '/v1/a%2Fb?x=1&x=2', '']);
        assert.deepEqual([data.headers['X-Key'], data.headers['X-Custom']], [['key-0'], ['c']]);
        assert.ok(!JSON.stringify(data).includes(process.env.TIELINE_KEY), 'the key of the surface stays here');
        assert.equal(headers['x-from'], 'echo');
    });
    await check('get: params', async () => {
        const object = await nango.get({ ...to, endpoint: 'v1/list', params: { q: 'ü b&c', page: '2' } });
        assert.equal(object.data.uri, '/v1/list?q=%C3%BC+b%26c&page=2');
        const text = await nango.get({ ...to, endpoint: '/v1/list', params: 'q=1&q=2' });
        assert.equal(text.data.uri, '/v1/list?q=1&q=2');
    });
    for (const method of ['post', 'put', 'patch', 'delete']) {
        await check(method, async () => {
            const { data } = await nango[method]({ ...to, endpoint: '/v1/things', data: { name: 'ü' } });
            assert.deepEqual([data.method, JSON.parse(data.body)], [method.toUpperCase(), { name: 'ü' }]);
            assert.match(data.headers['Content-Type'][0], /^application\/json/);
        });
    }
    await check('delete: no body', async () => {
        const { data } = await nango.delete({ ...to, endpoint: '/v1/things/1' });
        assert.deepEqual([data.method, data.body], ['DELETE', '']);
    });
    await check('post: forms', async () => {
        const { data } = await nango.post({
            ...to, endpoint: '/v1/form', data: 'a=1&b=2', headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        });
        assert.deepEqual([data.body, data.headers['Content-Type']], ['a=1&b=2', ['application/x-www-form-urlencoded']]);
    });
    await check('proxy', async () => {
        for (const method of ['PROPFIND', 'REPORT']) {
            const { data } = await nango.proxy({ ...to, endpoint: '/dav', method, data: '<a/>', headers: { 'Content-Type': 'text/xml' } });
            assert.deepEqual([data.method, data.body], [method, '<a/>']);
        }
        const own = client({ ...to });
        assert.equal((await own.proxy({ endpoint: '/own', method: 'GET' })).data.uri, '/own');
    });
    await check('proxy: bytes', async () => {
        const { data } = await nango.get({ ...to, endpoint: '/bytes', responseType: 'arraybuffer', decompress: true });
        assert.deepEqual([...data], [0, 255, 128, 10]);
    });
    await failing(nango, to);
}

async function failing(nango, to) {
    await check('proxy: status of the provider', async () => {
        const made = await nango.post({ ...to, endpoint: '/status/201', data: {} });
        assert.equal(made.status, 201);
        await assert.rejects(nango.get({ ...to, endpoint: '/status/404' }), (err) => err.response.status === 404 && err.response.data.status === 404);
    });
    await check('proxy: retries', async () => {
        const { data } = await nango.get({ ...to, endpoint: '/flaky/503', retries: 3 });
        assert.equal(data.tries, 3);
        const on = await nango.get({ ...to, endpoint: '/flaky/418', retries: 3, retryOn: [418] });
        assert.equal(on.data.tries, 3);
        await assert.rejects(nango.get({ ...to, endpoint: '/flaky/500' }), (err) => err.response.status === 500);
    });
    await check('proxy: base URL', async () => {
        const { base, elsewhere } = await test('hosts');
        const { data } = await nango.get({ ...to, endpoint: '/x', baseUrlOverride: `${base}/other`, forwardHeadersOnRedirect: false });
        assert.equal(data.uri, '/other/x');
        await refused(nango.get({ ...to, endpoint: '/x', baseUrlOverride: elsewhere }), 400, 'base_url_override_not_allowed');
    });
    await check('proxy: refused', async () => {
        await refused(nango.get({ ...to, endpoint: '/x', connectionId: 'foobar' }), 404, 'unknown_connection');
        await refused(nango.get({ ...to, endpoint: '/x', providerConfigKey: 'foobar' }), 404, 'unknown_provider_config');
        await refused(nango.get({ ...to, endpoint: '/x', connectionId: '' }), 400, 'invalid_headers');
        await refused(nango.get({ ...to, endpoint: '/x', retries: -1 }), 400, 'invalid_headers');
        await assert.rejects(nango.get({ endpoint: '/x' }), /providerConfigKey|connectionId/);
    });
}

// refreshed calls the API of OAuth 2.0, before and after a refresh.
export async function refreshed(integration, id) {
    const nango = client();
    await check('get: with a token', async () => {
        const call = async () => (await nango.get({ providerConfigKey: integration, connectionId: id, endpoint: '/me' })).data;
        const before = await call();
        assert.deepEqual([before.user, before.auth, before.scope], ['alice', 'bearer', 'read write']);
        await nango.getToken(integration, id, true);
        assert.deepEqual(await call(), { ...before, generation: before.generation + 1 });
    });
}
