import assert from 'node:assert/strict';
import { check, client, test } from './world.mjs';

// What is verified is a message that a Client of the test has sent.
export async function webhooks() {
    const { body, headers, key } = await test('forwarded');
    const nango = client({ webhookSigningKey: key });
    await check('verifyIncomingWebhookRequest', () => {
        assert.equal(JSON.parse(body).from, 'nango');
        assert.equal(nango.verifyIncomingWebhookRequest(body, headers), true);
        assert.equal(nango.verifyIncomingWebhookRequest(`${body} `, headers), false);
        assert.equal(client({ webhookSigningKey: `${key}x` }).verifyIncomingWebhookRequest(body, headers), false);
        assert.equal(nango.verifyIncomingWebhookRequest(body, {}), false);
    });
    await check('verifyWebhookSignature', () => {
        assert.equal(nango.verifyWebhookSignature(headers['X-Nango-Signature'], JSON.parse(body)), true);
        assert.equal(nango.verifyWebhookSignature(headers['X-Nango-Signature'], { ...JSON.parse(body), more: 1 }), false);
    });
}
