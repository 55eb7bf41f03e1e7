import assert from 'node:assert/strict';
import { check, client, importConnection, refused, send, url } from './world.mjs';

const key = 'git hub';

// The functions are those of examples/server.
export async function functions() {
    const nango = client();
    await nango.createIntegration({ provider: 'github', unique_key: key });
    await importConnection({ provider_config_key: key, connection_id: 'a b', credentials: { type: 'API_KEY', apiKey: 'key-0' } });
    await listed(nango);
    await triggered(nango);
    await later(nango);
    await nango.deleteIntegration(key);
}

async function listed(nango) {
    await check('listFunctions', async () => {
        const { data, pagination } = await nango.listFunctions({ uniqueKey: key });
        assert.deepEqual(data.map((f) => [f.name, f.type, f.enabled]), [['issues.create', 'action', true], ['user.get', 'action', true]]);
        assert.deepEqual(pagination, { total: 2, page: 0, limit: 20 });
    });
    await check('listFunctions: pages and filters', async () => {
        const page = await nango.listFunctions({ uniqueKey: key }, { page: 1, limit: 1 });
        assert.deepEqual([page.data.map((f) => f.name), page.pagination], [['user.get'], { total: 2, page: 1, limit: 1 }]);
        assert.equal((await nango.listFunctions({ uniqueKey: key }, { type: 'action', search: 'USER' })).pagination.total, 1);
        assert.equal((await nango.listFunctions({ uniqueKey: key }, { type: 'sync' })).pagination.total, 0);
    });
    await check('listFunctions: refused', async () => {
        await refused(nango.listFunctions({ uniqueKey: 'foobar' }), 404, 'not_found');
        await refused(nango.listFunctions({ uniqueKey: key }, { limit: 1000 }), 400, 'invalid_query_params');
    });
    await check('getFunction', async () => {
        const { data } = await nango.getFunction({ uniqueKey: key, name: 'issues.create' }, { type: 'action' });
        const input = data.json_schema.definitions[data.input];
        assert.deepEqual([input.type, input.required], ['object', ['owner', 'repo', 'title']]);
        assert.equal(data.json_schema.definitions[data.returns[0]].properties.number.type, 'integer');
        await refused(nango.getFunction({ uniqueKey: key, name: 'foobar' }), 404, 'not_found');
    });
    await check('getFunctionCode', async () => {
        const error = await refused(nango.getFunctionCode({ uniqueKey: key, name: 'user.get' }), 404, 'not_found');
        assert.match(error.message, /Source file/);
    });
    await check('deleteFunction', async () => {
        await refused(nango.deleteFunction({ uniqueKey: key, name: 'user.get' }, { type: 'action' }), 400, 'function_managed_by_deploy');
        await refused(nango.deleteFunction({ uniqueKey: key, name: 'user.get' }, { type: 'sync' }), 404, 'not_found');
    });
    await check('getScriptsConfig', async () => {
        const [config, ...others] = await nango.getScriptsConfig();
        assert.deepEqual([config.providerConfigKey, config.provider, config.syncs, others], [key, 'github', [], []]);
        assert.deepEqual(config.actions.map((f) => f.name), ['issues.create', 'user.get']);
    });
    await check('getScriptsConfig: openai', async () => {
        const { data } = await nango.getScriptsConfig('openai');
        assert.deepEqual(data.map((f) => [f.name, f.parameters.type]), [['issues.create', 'object'], ['user.get', 'object']]);
    });
}

const issue = { owner: 'o', repo: 'r/é', title: 'It is broken' };
const made = { number: JSON.stringify({ body: '', title: issue.title }).length, html_url: 'https://example.com/repos/o/r%2F%C3%A9/issues' };

async function triggered(nango) {
    await check('triggerAction', async () => {
        assert.deepEqual(await nango.triggerAction(key, 'a b', 'user.get'), { login: 'Bearer key-0', name: 'Alice' });
        assert.deepEqual(await nango.triggerAction(key, 'a b', 'issues.create', issue), made);
    });
    await check('triggerAction: input', async () => {
        const error = await refused(nango.triggerAction(key, 'a b', 'issues.create', { ...issue, title: '', label: 'x' }), 400, 'invalid_action_input');
        assert.deepEqual(error.errors.map((e) => e.path), [['input', 'title'], ['input', 'label']]);
        assert.ok(error.errors.every((e) => e.message.startsWith(`/${e.path[1]} `)), JSON.stringify(error));
    });
    await check('triggerAction: refused', async () => {
        await refused(nango.triggerAction(key, 'a b', 'foobar'), 404, 'not_found');
        await refused(nango.triggerAction(key, 'foobar', 'user.get'), 404, 'unknown_connection');
        await refused(nango.triggerAction('foobar', 'a b', 'user.get'), 404, 'unknown_provider_config');
        await refused(nango.triggerAction(key, '', 'user.get'), 400, 'invalid_headers');
        const error = await refused(nango.triggerAction(key, 'a b', 'issues.create', { ...issue, owner: 'none' }), 424, 'script_http_error');
        assert.deepEqual(error.payload, { status: 404 });
    });
    await check('the document of functions', async () => {
        const headers = { Authorization: `Bearer ${process.env.TIELINE_KEY}` };
        const answer = await send('GET', `${url}/integrations/${encodeURIComponent(key)}/openapi.json`, { headers });
        const [path] = Object.keys(JSON.parse(answer.text).paths);
        headers['Connection-Id'] = 'a b';
        const called = await send('POST', url + path, { headers, body: JSON.stringify(issue) });
        assert.deepEqual([called.status, JSON.parse(called.text)], [200, made]);
    });
}

// result asks until a run is over.
async function result(nango, run) {
    for (;;) {
        try {
            return await nango.getAsyncActionResult(run);
        } catch (err) {
            if (err.response?.data?.error?.code !== 'action_not_completed') {
                throw err;
            }
            assert.equal(err.response.status, 404);
        }
    }
}

async function later(nango) {
    await check('triggerActionAsync', async () => {
        const run = await nango.triggerActionAsync(key, 'a b', 'issues.create', issue);
        assert.deepEqual([Object.keys(run).sort(), run.statusUrl], [['id', 'statusUrl'], `/action/${run.id}`]);
        assert.deepEqual(await result(nango, { id: run.id }), made);
        assert.deepEqual(await result(nango, { statusUrl: run.statusUrl }), made);
    });
    await check('triggerActionAsync: refused', async () => {
        await refused(nango.triggerActionAsync(key, 'a b', 'issues.create', {}), 400, 'invalid_action_input');
        await refused(nango.triggerActionAsync(key, 'a b', 'foobar', {}), 404, 'not_found');
    });
    await check('getAsyncActionResult: failed', async () => {
        const run = await nango.triggerActionAsync(key, 'a b', 'issues.create', { ...issue, owner: 'none' });
        await refused(result(nango, run), 424, 'script_http_error');
    });
    await check('getAsyncActionResult: unknown', async () => {
        await refused(nango.getAsyncActionResult({ id: 'foobar' }), 404, 'not_found');
        await refused(nango.getAsyncActionResult({ id: '00000000-0000-4000-8000-000000000000' }), 404, 'not_found');
    });
}
