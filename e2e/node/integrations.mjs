import assert from 'node:assert/strict';
import { check, client, refused } from './world.mjs';

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export async function providers() {
    const nango = client();
    await check('listProviders', async () => {
        const { data } = await nango.listProviders({});
        assert.ok(data.length > 50, `${data.length} providers`);
        assert.ok(data.some((p) => p.name === 'echo'), 'the file of -providers');
    });
    await check('listProviders: search', async () => {
        const { data } = await nango.listProviders({ search: 'GitHub' });
        assert.ok(data.length > 0 && data.every((p) => p.name.includes('github')));
        assert.deepEqual((await nango.listProviders({ search: 'foobar' })).data, []);
    });
    await check('getProvider', async () => {
        const { data } = await nango.getProvider({ provider: 'acme' });
        assert.deepEqual([data.name, data.display_name, data.auth_mode], ['acme', 'Acme', 'OAUTH2']);
        assert.match(data.logo_url, /\/images\/template-logos\/acme\.svg$/);
    });
    await check('getProvider: unknown', async () => {
        const error = await refused(nango.getProvider({ provider: 'foobar' }), 404, 'not_found');
        assert.equal(error.message, 'Unknown provider foobar');
    });
    await check('getProviderTemplates', async () => {
        assert.deepEqual(await nango.getProviderTemplates({ provider: 'acme' }), { data: [] });
    });
    await check('getEnvironmentVariables', async () => {
        assert.deepEqual(await nango.getEnvironmentVariables(), []);
    });
}

export async function keys() {
    await check('another key', async () => {
        const nango = client({ apiKey: '00000000-0000-4000-8000-000000000000' });
        const error = await refused(nango.listIntegrations(), 401, 'unknown_account');
        assert.deepEqual(error.payload, {});
        await refused(nango.get({ endpoint: '/x', providerConfigKey: 'k', connectionId: 'c' }), 401, 'unknown_account');
    });
    await check('a key that is none', () => refused(client({ apiKey: 'key' }).listConnections(), 401, 'invalid_secret_key_format'));
    await check('a secretKey of older clients', async () => {
        assert.deepEqual(await client({ apiKey: undefined, secretKey: process.env.TIELINE_KEY }).listIntegrations(), { configs: [] });
    });
}

// app is what the provider knows the application by.
export const app = () => ({
    type: 'OAUTH2', client_id: process.env.TIELINE_CLIENT_ID, client_secret: process.env.TIELINE_CLIENT_SECRET, scopes: 'read,write',
});

export async function integrations() {
    const nango = client();
    await check('listIntegrations: none', async () => assert.deepEqual(await nango.listIntegrations(), { configs: [] }));
    await check('createIntegration', async () => {
        const { data } = await nango.createIntegration({ provider: 'acme', unique_key: 'my acme:1', display_name: 'My Acme', credentials: app() });
        assert.deepEqual(Object.keys(data).sort(), ['created_at', 'display_name', 'forward_webhooks', 'logo', 'provider', 'unique_key', 'updated_at']);
        assert.deepEqual([data.unique_key, data.provider, data.display_name, data.forward_webhooks], ['my acme:1', 'acme', 'My Acme', true]);
        assert.match(data.created_at, time);
    });
    await check('createIntegration: without an app', async () => {
        const { data } = await nango.createIntegration({ provider: 'echo', unique_key: 'e~c.h@o_-', forward_webhooks: false });
        assert.deepEqual([data.display_name, data.forward_webhooks], ['Echo', false]);
    });
    await check('createIntegration: refused', async () => {
        const twice = await refused(nango.createIntegration({ provider: 'echo', unique_key: 'e~c.h@o_-' }), 400, 'invalid_body');
        assert.deepEqual(twice.errors, [{ code: 'invalid_string', message: 'Unique key already exists', path: ['uniqueKey'] }]);
        const unknown = await refused(nango.createIntegration({ provider: 'foobar', unique_key: 'a' }), 400, 'invalid_body');
        assert.deepEqual(unknown.errors, [{ code: 'invalid_string', message: 'Invalid provider', path: ['provider'] }]);
        const missing = await refused(nango.createIntegration({ provider: 'acme', unique_key: 'a' }), 400, 'invalid_body');
        assert.equal(missing.message, 'Missing credentials');
    });
    await check('createQuickstartIntegration', async () => {
        const error = await refused(nango.createQuickstartIntegration({ provider: 'acme', unique_key: 'a' }), 400, 'invalid_body');
        assert.equal(error.message, 'No Nango-provided developer app is configured for this provider');
    });
    await check('listIntegrations', async () => {
        const { configs } = await nango.listIntegrations();
        assert.deepEqual(configs.map((c) => c.unique_key), ['my acme:1', 'e~c.h@o_-']);
    });
    await reading(nango);
    await writing(nango);
}

async function reading(nango) {
    await check('getIntegration', async () => {
        const { data } = await nango.getIntegration({ uniqueKey: 'my acme:1' });
        assert.equal(data.unique_key, 'my acme:1');
        assert.ok(!('credentials' in data) && !('webhook_url' in data));
        assert.equal((await nango.getIntegration({ uniqueKey: 'e~c.h@o_-' })).data.provider, 'echo');
    });
    await check('getIntegration: include', async () => {
        const one = await nango.getIntegration({ uniqueKey: 'my acme:1' }, { include: ['credentials'] });
        assert.deepEqual(one.data.credentials, { ...app(), webhook_secret: null });
        const last = await nango.getIntegration({ uniqueKey: 'my acme:1' }, { include: ['credentials', 'webhook'] });
        assert.equal(last.data.webhook_url, null); // the client sends only the last of several
        assert.ok(!('credentials' in last.data));
        const none = await nango.getIntegration({ uniqueKey: 'e~c.h@o_-' }, { include: ['credentials'] });
        assert.equal(none.data.credentials, null);
    });
    await check('getIntegration: webhook URL', async () => {
        await nango.createIntegration({ provider: 'chat', unique_key: 'chat:1 a', credentials: app() });
        const { data } = await nango.getIntegration({ uniqueKey: 'chat:1 a' }, { include: ['webhook'] });
        assert.match(data.webhook_url, /\/webhook\/[0-9a-f-]{36}\/chat%3A1%20a$/);
    });
    await check('getIntegration: refused', async () => {
        const unknown = await refused(nango.getIntegration({ uniqueKey: 'foobar' }), 404, 'not_found');
        assert.equal(unknown.message, 'Integration "foobar" does not exist');
        await refused(nango.getIntegration({ uniqueKey: 'my acme:1' }, { include: ['all'] }), 400, 'invalid_query_params');
        await refused(nango.getIntegration({ uniqueKey: 'ünder' }), 400, 'invalid_uri_params');
    });
}

async function writing(nango) {
    await check('updateIntegration', async () => {
        const { data } = await nango.updateIntegration({ uniqueKey: 'chat:1 a' }, { display_name: 'Talk', forward_webhooks: false });
        assert.deepEqual([data.display_name, data.forward_webhooks, data.provider], ['Talk', false, 'chat']);
    });
    await check('updateIntegration: rename', async () => {
        const { data } = await nango.updateIntegration({ uniqueKey: 'chat:1 a' }, { unique_key: 'chat' });
        assert.equal(data.unique_key, 'chat');
        await refused(nango.getIntegration({ uniqueKey: 'chat:1 a' }), 404, 'not_found');
    });
    await check('updateIntegration: credentials', async () => {
        await nango.updateIntegration({ uniqueKey: 'chat' }, { credentials: { ...app(), client_secret: 'other', webhook_secret: 'hook' } });
        const { data } = await nango.getIntegration({ uniqueKey: 'chat' }, { include: ['credentials'] });
        assert.deepEqual(data.credentials, { ...app(), client_secret: 'other', webhook_secret: 'hook' });
    });
    await check('updateIntegration: refused', async () => {
        const taken = await refused(nango.updateIntegration({ uniqueKey: 'chat' }, { unique_key: 'my acme:1' }), 400, 'invalid_body');
        assert.match(JSON.stringify(taken), /uniqueKey is already used by another integration/);
        await refused(nango.updateIntegration({ uniqueKey: 'foobar' }, { display_name: 'A' }), 404, 'not_found');
        const extra = await refused(nango.updateIntegration({ uniqueKey: 'chat' }, { provider: 'echo' }), 400, 'invalid_body');
        assert.equal(extra.errors[0].message, 'Unrecognized key: "provider"');
    });
    await check('deleteIntegration', async () => {
        const { status, data } = await nango.deleteIntegration('chat');
        assert.deepEqual([status, data], [200, { success: true }]);
        await refused(nango.deleteIntegration('chat'), 404, 'not_found');
    });
}
