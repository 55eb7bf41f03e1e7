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
import { functions } from './functions.mjs';

// elsewhere are the methods for what the surface does not have: records and syncs.
// They are told so by an error that the client understands.
const elsewhere = {
    listRecords: [{ connectionId: 'c', providerConfigKey: 'a', model: 'm' }],
    pruneRecords: [{ connectionId: 'c', providerConfigKey: 'a', model: 'm', untilCursor: 'x' }],
    triggerSync: ['a', ['s'], 'c'],
    startSync: ['a', ['s'], 'c'],
    pauseSync: ['a', ['s'], 'c'],
    syncStatus: ['a', ['s'], 'c'],
    updateSyncConnectionFrequency: ['a', 's', 'c', 'every hour'],
    createSyncVariant: [{ provider_config_key: 'a', connection_id: 'c', name: 's', variant: 'v' }],
    deleteSyncVariant: [{ provider_config_key: 'a', connection_id: 'c', name: 's', variant: 'v' }],
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
await functions();
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
