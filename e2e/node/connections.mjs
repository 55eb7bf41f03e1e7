import assert from 'node:assert/strict';
import { check, client, importConnection, refused, test } from './world.mjs';
import { integration } from './sessions.mjs';

export const echo = 'e~c.h@o_-';

// odd are IDs that arrive although the client puts them into URLs as they are.
const odd = ['a b', 'a:b', 'a+b@c.d', 'a,b;c=d', '~[x]|${y}', `it's "q"`];

export async function connections(id) {
    const nango = client();
    await tokens(nango, id);
    await importing(nango);
    await listing(nango, id);
    await metadata(nango, id);
    await changing(nango);
}

// tokens are of the connection that has been made in a connect session.
async function tokens(nango, id) {
    let first;
    await check('getConnection', async () => {
        first = await nango.getConnection(integration, id);
        assert.deepEqual(Object.keys(first).sort(), [
            'connection_config', 'connection_id', 'created_at', 'credentials', 'end_user', 'errors', 'id', 'last_fetched_at', 'metadata', 'provider',
            'provider_config_key', 'tags', 'updated_at', 'webhook_url_override',
        ]);
        assert.equal(first.connection_id, id);
        assert.equal(first.credentials.type, 'OAUTH2');
        assert.ok(!JSON.stringify(first).includes('refresh_token'));
        assert.ok(Date.parse(first.credentials.expires_at) > Date.now());
    });
    await check('getConnection: refresh token', async () => {
        const { credentials } = await nango.getConnection(integration, id, false, true);
        assert.ok(credentials.refresh_token && credentials.raw.refresh_token === credentials.refresh_token);
        assert.equal(credentials.access_token, first.credentials.access_token);
    });
    await check('getConnection: force refresh', async () => {
        const before = await test('stats');
        const { credentials } = await nango.getConnection(integration, id, true, false, true);
        assert.notEqual(credentials.access_token, first.credentials.access_token);
        assert.equal((await test('stats')).refreshes, before.refreshes + 1);
        assert.ok(!('refresh_token' in credentials) && !('refresh_token' in credentials.raw));
    });
    await check('getToken', async () => {
        const { credentials } = await nango.getConnection(integration, id);
        assert.equal(await nango.getToken(integration, id), credentials.access_token);
        assert.notEqual(await nango.getToken(integration, id, true), credentials.access_token);
    });
    await check('getRawTokenResponse', async () => {
        const raw = await nango.getRawTokenResponse(integration, id);
        assert.equal(raw.access_token, await nango.getToken(integration, id));
        assert.equal(raw.token_type.toLowerCase(), 'bearer');
        assert.ok(!('refresh_token' in raw));
    });
    await check('getConnection: force refresh that fails', async () => {
        await test('revoke');
        const error = await refused(nango.getConnection(integration, id, true), 400, 'invalid_credentials');
        const { connection } = error.payload;
        assert.deepEqual([connection.connection_id, connection.credentials, connection.errors[0].type], [id, {}, 'auth']);
        const { connections } = await nango.listConnections(id);
        assert.deepEqual(connections[0].errors, connection.errors);
    });
    await check('getConnection: refused', async () => {
        const unknown = await refused(nango.getConnection(integration, 'foobar'), 404, 'not_found');
        assert.equal(unknown.message, 'Failed to find connection');
        await refused(nango.getConnection('foobar', id), 400, 'unknown_provider_config');
        await refused(nango.getConnection('ünder', id), 400, 'invalid_query_params');
        await refused(nango.getConnection(integration, 'ünder'), 400, 'invalid_uri_params');
        await refused(nango.getToken(integration, 'foobar'), 404, 'not_found');
    });
}

async function importing(nango) {
    await check('connections that are imported', async () => {
        for (const [n, id] of odd.entries()) {
            const made = await importConnection({
                provider_config_key: echo, connection_id: id, credentials: { type: 'API_KEY', apiKey: `key-${n}` },
                end_user: { id: `echo-${n % 2}` }, tags: { Part: n % 2 ? 'odd' : 'even', path: 'a/b, c:d' },
            });
            assert.deepEqual(made.credentials, { type: 'API_KEY', apiKey: `key-${n}` });
        }
    });
    await check('getConnection: odd IDs', async () => {
        for (const [n, id] of odd.entries()) {
            const found = await nango.getConnection(echo, id);
            assert.deepEqual([found.connection_id, found.credentials.apiKey, found.provider_config_key], [id, `key-${n}`, echo]);
        }
    });
    await check('getToken: no token', async () => assert.deepEqual(await nango.getToken(echo, 'a:b'), { type: 'API_KEY', apiKey: 'key-1' }));
    await check('getToken: OAuth 1', async () => {
        await nango.createIntegration({ provider: 'one', unique_key: 'one', credentials: { type: 'OAUTH1', client_id: 'id', client_secret: 'secret' } });
        await importConnection({ provider_config_key: 'one', connection_id: '1', credentials: { type: 'OAUTH1', oauth_token: 't', oauth_token_secret: 's' } });
        assert.deepEqual(await nango.getToken('one', '1'), { oAuthToken: 't', oAuthTokenSecret: 's' });
        await nango.deleteIntegration('one');
    });
}

async function listing(nango, made) {
    const ids = async (...args) => (await nango.listConnections(...args)).connections.map((c) => c.connection_id);
    const newest = [...odd].reverse();
    await check('listConnections', async () => {
        assert.deepEqual(await ids(), [...newest, made]);
        const { connections } = await nango.listConnections({ connectionId: 'a b' });
        assert.deepEqual(Object.keys(connections[0]).sort(), ['connection_id', 'created', 'end_user', 'errors', 'id', 'metadata', 'provider', 'provider_config_key', 'tags']);
        assert.deepEqual(connections[0].tags, { end_user_id: 'echo-0', part: 'even', path: 'a/b, c:d' });
    });
    await check('listConnections: pages', async () => {
        const list = { integrationId: echo, limit: 4 };
        assert.deepEqual(await ids(list), newest.slice(0, 4));
        assert.deepEqual(await ids({ ...list, page: 1 }), newest.slice(4));
        assert.deepEqual(await ids({ ...list, page: 2 }), []);
        assert.deepEqual(await ids(undefined, undefined, { limit: 3, page: 2 }), [made]);
    });
    await check('listConnections: filters', async () => {
        assert.deepEqual(await ids({ integrationId: [integration, 'foobar'] }), [made]);
        assert.deepEqual(await ids({ integrationId: [integration, echo], userId: 'user 1' }), [made]);
        assert.deepEqual(await ids({ tags: { PART: 'odd', path: 'a/b, c:d' } }), newest.filter((id) => odd.indexOf(id) % 2));
        assert.deepEqual(await ids({ tags: { part: 'odd', path: 'a/b' } }), []);
        assert.deepEqual(await ids({ tags: { displayName: 'Alice', email: 'alice@example.com' } }), [made]);
        assert.deepEqual(await ids({ tags: { part: 'even', displayName: 'Alice' } }), []);
    });
    await check('listConnections: older form', async () => {
        assert.deepEqual(await ids('a,b;c=d'), ['a,b;c=d']);
        assert.deepEqual(await ids(undefined, 'ALICE@'), [made]);
        assert.deepEqual(await ids(undefined, undefined, { endUserId: 'echo-1' }), newest.filter((id) => odd.indexOf(id) % 2));
        assert.deepEqual(await ids(undefined, undefined, { endUserOrganizationId: 'org' }), [made]);
    });
    await check('listConnections: refused', async () => {
        await refused(nango.listConnections({ limit: 2001 }), 400, 'invalid_query_params');
        const error = await refused(nango.listConnections({ tags: { '123invalid': 'a' } }), 400, 'invalid_query_params');
        assert.deepEqual(error.errors, [{ code: 'invalid_key', message: 'Invalid key in record', path: ['tags', '123invalid'] }]);
    });
}

async function metadata(nango, id) {
    const answer = async (promise) => {
        const { status, data } = await promise;
        return [status, data];
    };
    await check('setMetadata', async () => {
        const body = { metadata: { a: 1, deep: { b: [2] } }, connection_id: 'a b', provider_config_key: echo };
        assert.deepEqual(await answer(nango.setMetadata(echo, 'a b', body.metadata)), [201, body]);
        assert.deepEqual(await answer(nango.setMetadata(echo, 'a b', { c: 3 })), [201, { ...body, metadata: { c: 3 } }]);
    });
    await check('updateMetadata', async () => {
        const [status] = await answer(nango.updateMetadata(echo, ['a b', 'a:b'], { d: { e: null } }));
        assert.equal(status, 200);
    });
    await check('getMetadata', async () => {
        assert.deepEqual(await nango.getMetadata(echo, 'a b'), { c: 3, d: { e: null } });
        assert.deepEqual(await nango.getMetadata(echo, 'a:b'), { d: { e: null } });
        assert.equal(await nango.getMetadata(echo, 'a,b;c=d'), null);
    });
    await check('setMetadata, updateMetadata: refused', async () => {
        const one = await refused(nango.setMetadata(echo, 'foobar', {}), 404, 'unknown_connection');
        assert.match(one.message, /connection id foobar and provider config key e~c\.h@o_- not found/);
        const several = await refused(nango.updateMetadata(echo, ['a b', 'foobar'], { c: 4 }), 404, 'unknown_connection');
        assert.match(several.message, /No actions were taken/);
        assert.deepEqual((await nango.getMetadata(echo, 'a b')).c, 3);
        await refused(nango.setMetadata('ünder', id, {}), 400, 'invalid_body');
        await refused(nango.getMetadata(echo, 'foobar'), 404, 'not_found');
    });
}

async function changing(nango) {
    const patch = (id, body, key = echo) => nango.patchConnection({ connectionId: id, provider_config_key: key }, body);
    await check('patchConnection', async () => {
        const user = { id: 'u', email: 'u@example.com', display_name: 'U', tags: { T: 'v' } };
        assert.deepEqual(await patch('a b', { end_user: user, tags: { K: 'w x' }, webhook_url_override: 'https://example.com/hook' }), { success: true });
        const found = await nango.getConnection(echo, 'a b');
        assert.deepEqual(found.end_user, { ...user, organization: null });
        assert.deepEqual(found.tags, { end_user_id: 'u', end_user_email: 'u@example.com', end_user_display_name: 'U', t: 'v', k: 'w x' });
        assert.equal(found.webhook_url_override, 'https://example.com/hook');
        await patch('a b', { tags: {}, webhook_url_override: '' });
        const cleared = await nango.getConnection(echo, 'a b');
        assert.deepEqual([cleared.tags, cleared.webhook_url_override, cleared.end_user.id], [{}, null, 'u']);
    });
    await check('patchConnection: refused', async () => {
        await refused(patch('foobar', { tags: {} }), 404, 'not_found');
        await refused(patch('a b', { tags: {} }, 'foobar'), 400, 'unknown_provider_config');
        await refused(patch('a b', { tags: { '1': 'a' } }), 400, 'invalid_body');
        await refused(patch('a b', { webhook_url_override: 'not-a-url' }), 400, 'invalid_body');
    });
    await check('updateIntegration: rename with connections', async () => {
        await nango.updateIntegration({ uniqueKey: echo }, { unique_key: 'e 2' });
        assert.equal((await nango.getConnection('e 2', 'a b')).provider_config_key, 'e 2');
        await refused(nango.getConnection(echo, 'a b'), 400, 'unknown_provider_config');
        await nango.updateIntegration({ uniqueKey: 'e 2' }, { unique_key: echo });
    });
}

// deleting comes last.
export async function deleting(id) {
    const nango = client();
    await check('deleteConnection', async () => {
        for (const one of odd) {
            const { status, data } = await nango.deleteConnection(echo, one);
            assert.deepEqual([status, data], [200, { success: true }], one);
            await refused(nango.getConnection(echo, one), 404, 'not_found');
        }
        assert.equal((await nango.listConnections()).connections.length, 1);
    });
    await check('deleteConnection: refused', async () => {
        await refused(nango.deleteConnection(echo, 'a b'), 404, 'unknown_connection');
        await refused(nango.deleteConnection('foobar', 'a b'), 400, 'unknown_provider_config');
    });
    await check('deleteIntegration: with connections', async () => {
        await nango.deleteIntegration(integration);
        await refused(nango.getConnection(integration, id), 400, 'unknown_provider_config');
        assert.deepEqual((await nango.listConnections()).connections, []);
    });
}
