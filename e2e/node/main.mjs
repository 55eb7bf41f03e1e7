// Calls every method of the official Node client. Each check prints its name; the last
// line says how many there were, and of how many methods. See ../node_test.go.
import assert from 'node:assert/strict';
import { Nango } from '@nangohq/node';
import { called, check, client, count, refused } from './world.mjs';
import { integrations, keys, providers } from './integrations.mjs';
import { integration, sessions } from './sessions.mjs';
import { connections, deleting } from './connections.mjs';
import { proxy, refreshed } from './proxy.mjs';
import { webhooks } from './webhooks.mjs';

// elsewhere are the methods for what the surface does not have: functions, records,
// syncs and actions. They are told so by an error that the client understands.
const elsewhere = {
    listFunctions: [{ uniqueKey: 'a' }],
    getFunction: [{ uniqueKey: 'a', name: 'f' }],
    getFunctionCode: [{ uniqueKey: 'a', name: 'f' }],
    deleteFunction: [{ uniqueKey: 'a', name: 'f' }, { type: 'sync' }],
    getScriptsConfig: [],
    listRecords: [{ connectionId: 'c', providerConfigKey: 'a', model: 'm' }],
    pruneRecords: [{ connectionId: 'c', providerConfigKey: 'a', model: 'm', untilCursor: 'x' }],
    triggerSync: ['a', ['s'], 'c'],
    startSync: ['a', ['s'], 'c'],
    pauseSync: ['a', ['s'], 'c'],
    syncStatus: ['a', ['s'], 'c'],
    updateSyncConnectionFrequency: ['a', 's', 'c', 'every hour'],
    createSyncVariant: [{ provider_config_key: 'a', connection_id: 'c', name: 's', variant: 'v' }],
    deleteSyncVariant: [{ provider_config_key: 'a', connection_id: 'c', name: 's', variant: 'v' }],
    triggerAction: ['a', 'c', 'act', {}],
    triggerActionAsync: ['a', 'c', 'act', {}],
    getAsyncActionResult: [{ id: 'x' }],
};

// within are what other methods are made of.
const within = ['constructor', 'enrichHeaders', '_triggerAction', '_verifyWebhookSignatureImpl', 'getConnectionDetails'];

await keys();
await providers();
await integrations();
const id = await sessions();
await refreshed(integration, id);
await connections(id);
await proxy();
await webhooks();
await deleting(id);
await check('what is not here', async () => {
    for (const [name, args] of Object.entries(elsewhere)) {
        await refused(client()[name](...args), 404, 'not_found');
    }
});
await check('every method', () => {
    const methods = Object.getOwnPropertyNames(Nango.prototype).filter((name) => !within.includes(name));
    assert.deepEqual(methods.filter((name) => !called.has(name)), []);
});
console.log(`${count()} checks of ${called.size - Object.keys(elsewhere).length} methods`);
