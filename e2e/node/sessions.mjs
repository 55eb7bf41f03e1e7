import assert from 'node:assert/strict';
import { check, client, hurried, refused, send, test, url } from './world.mjs';

const token = /^nango_connect_session_[0-9a-f]{64}$/;
export const integration = 'my acme:1';

// signIn plays an end user with a session: to the provider, who is asked for consent,
// and back.
async function signIn(session, key = integration) {
    const begun = await send('GET', `${url}/oauth/connect/${encodeURIComponent(key)}?connect_session_token=${session}`);
    assert.equal(begun.status, 302, begun.text);
    const { callback } = await test('consent', begun.headers.location);
    const cookie = begun.headers['set-cookie'].map((c) => c.split(';')[0]).join('; ');
    return send('GET', callback, { headers: { Cookie: cookie } });
}

// connected is the connection that an end user has made.
export async function sessions() {
    const nango = client();
    const user = { id: 'user 1', email: 'alice@example.com', display_name: 'Alice', tags: { projectId: '7' } };
    let session;
    await check('createConnectSession', async () => {
        const { data } = await nango.createConnectSession({
            end_user: user, organization: { id: 'org', display_name: 'Org' }, allowed_integrations: [integration],
            integrations_config_defaults: { [integration]: { authorization_params: { prompt: 'consent' } } }, tags: { Env: 'test' },
        });
        assert.match(data.token, token);
        assert.ok(data.connect_link.endsWith(`?session_token=${data.token}`));
        const left = Date.parse(data.expires_at) - Date.now();
        assert.ok(left > 28 * 60_000 && left <= 30 * 60_000, `${left} ms`);
        session = data.token;
    });
    await check('createConnectSession: refused', async () => {
        const none = await refused(nango.createConnectSession({}), 400, 'invalid_body');
        assert.deepEqual(none.errors, [{ code: 'invalid_type', message: 'Invalid input: expected object, received undefined', path: ['end_user'] }]);
        const unknown = await refused(nango.createConnectSession({ end_user: { id: 'a' }, allowed_integrations: ['foobar'] }), 400, 'invalid_body');
        assert.deepEqual(unknown.errors, [{ code: 'custom', message: 'Integration does not exist', path: ['allowed_integrations', '0'] }]);
    });
    await check('a session is no key', async () => {
        const { configs } = await client({ apiKey: session }).listIntegrations();
        assert.deepEqual(configs.map((c) => c.unique_key), [integration]); // what the session allows
        await refused(client({ apiKey: session }).listConnections(), 401, 'invalid_secret_key_format');
        await refused(client({ apiKey: `${session.slice(0, -1)}${session.endsWith('0') ? '1' : '0'}` }).listIntegrations(), 401, 'unknown_connect_session_token');
    });
    let connection;
    await check('waitForConnection', async () => {
        const waiting = hurried(() => nango.waitForConnection(integration, 'user 1'));
        const page = await signIn(session);
        assert.equal(page.status, 200, page.text);
        connection = await waiting;
        assert.deepEqual([connection.provider_config_key, connection.provider, connection.errors], [integration, 'acme', []]);
        assert.deepEqual(connection.end_user, { ...user, organization: { id: 'org', display_name: 'Org' } });
        assert.deepEqual(connection.tags, {
            end_user_id: 'user 1', end_user_email: 'alice@example.com', end_user_display_name: 'Alice', organization_id: 'org',
            organization_display_name: 'Org', projectid: '7', env: 'test',
        });
    });
    await check('waitForConnection: given up', async () => {
        const stop = new AbortController();
        stop.abort();
        await assert.rejects(nango.waitForConnection(integration, 'nobody', { signal: stop.signal }), /aborted/);
        await assert.rejects(hurried(() => nango.waitForConnection(integration, 'nobody')), /Timeout/);
    });
    await check('createReconnectSession', () => reconnect(nango, connection.connection_id));
    return connection.connection_id;
}

async function reconnect(nango, id) {
    await nango.setMetadata(integration, id, { kept: true });
    const before = await nango.getConnection(integration, id);
    const { data } = await nango.createReconnectSession({ connection_id: id, integration_id: integration });
    assert.match(data.token, token);
    const page = await signIn(data.token);
    assert.equal(page.status, 200, page.text);
    const after = await nango.getConnection(integration, id);
    assert.deepEqual([after.id, after.metadata, after.end_user, after.tags], [before.id, { kept: true }, before.end_user, before.tags]);
    assert.notEqual(after.credentials.access_token, before.credentials.access_token);
    await refused(nango.createReconnectSession({ connection_id: 'foobar', integration_id: integration }), 400, 'invalid_body');
}
