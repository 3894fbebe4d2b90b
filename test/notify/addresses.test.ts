import { expect, test } from 'vitest'
import { testChannel } from '../../src/notify/deliveries.ts'
import { createCertificate } from '../rig/certificate.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import { networkOf } from '../rig/host-network.ts'
import { startMailServer } from '../rig/smtp-server.ts'
import type { NotifyWorld } from './world.ts'
import { createNotifyWorld, startReceiver } from './world.ts'

// Whoever may make channels may not make this service call what only it can reach.

const DENIED = ['127.0.0.0/8', '::1', '169.254.0.0/16', '10.0.0.0/8', 'fd00::/8']

async function testOf(world: NotifyWorld, url: string) {
  const channel = await world.addChannel('webhook', { url })
  const signal = new AbortController().signal
  return (await testChannel(world.deps, channel.id, { words: undefined, signal })).outcome
}

const SPELLINGS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '127.0.0.1.',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
]

test.for(SPELLINGS)('%s is the address that it is, however it is written', async (host) => {
  await using world = await createNotifyWorld({ denied: DENIED })
  await using canary = await startReceiver()

  const outcome = await testOf(world, canary.origin.replace('127.0.0.1', host))

  expect(outcome.kind).toBe('refused')
  expect(outcome.words).toMatch(/may not be contacted/)
  expect(canary.requests).toEqual([])
})

test('one address of a name that is not allowed spoils the whole name', async () => {
  await using canary = await startReceiver()
  await using world = await createNotifyWorld({
    denied: DENIED,
    lookup: () => Promise.resolve(['203.0.113.7', '127.0.0.1']),
  })

  const outcome = await testOf(world, canary.origin.replace('127.0.0.1', 'chat.example'))

  expect(outcome).toMatchObject({ kind: 'refused', words: 'chat.example may not be contacted' })
  expect(canary.requests).toEqual([])
})

test('a name is looked up once, and the connection goes where that answer says', async () => {
  const answers = [['127.0.0.1'], ['10.0.0.1']]
  let asked = 0
  await using receiver = await startReceiver()
  await using world = await createNotifyWorld({
    denied: ['10.0.0.0/8'],
    lookup: () => Promise.resolve(answers[asked++] ?? []),
  })

  const outcome = await testOf(world, receiver.origin.replace('127.0.0.1', 'rebind.example'))

  expect(outcome.kind).toBe('delivered')
  expect(asked).toBe(1)
  expect(receiver.requests[0]?.headers['host']).toMatch(/^rebind\.example:/)
})

test('a name that nobody knows is not contacted, and said so without the address', async () => {
  await using world = await createNotifyWorld({
    lookup: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  })

  const outcome = await testOf(world, 'https://nowhere.example/hook/token-of-the-robot')

  expect(outcome).toMatchObject({ kind: 'unavailable' })
  expect(outcome.words).toBe('nowhere.example cannot be reached: ENOTFOUND')
})

test('a mail server is held to the same rules', async () => {
  await using canary = await startReceiver()
  await using world = await createNotifyWorld({ denied: DENIED })
  const smtp_port = Number(new URL(canary.origin).port)
  const config = {
    smtp_host: '127.0.0.1',
    smtp_port,
    from_address: 'a@example.com',
    to_addresses: ['b@example.com'],
  }
  const channel = await world.addChannel('email', config)
  const signal = new AbortController().signal

  const { outcome } = await testChannel(world.deps, channel.id, { words: undefined, signal })

  expect(outcome).toMatchObject({ kind: 'refused', words: '127.0.0.1 may not be contacted' })
  expect(canary.requests).toEqual([])
})

test('what was allowed when the channel was made is asked again at every message', async () => {
  await using receiver = await startReceiver()
  let address = '127.0.0.1'
  await using world = await createNotifyWorld({
    denied: ['10.0.0.0/8'],
    lookup: () => Promise.resolve([address]),
  })
  const url = receiver.origin.replace('127.0.0.1', 'chat.example')
  const before = await testOf(world, url)
  address = '10.1.2.3'

  const after = await testOf(world, url)

  expect([before.kind, after.kind]).toEqual(['delivered', 'refused'])
  expect(receiver.requests).toHaveLength(1)
})

test('a robot behind a proxy with an authority of its own is reached, and a mail server with one too', async () => {
  const certificate = createCertificate('chat.example')
  await using receiver = await startFakeForge(() => ({ status: 200, text: 'ok' }), certificate)
  await using mail = await startMailServer({ tls: { ...certificate, fromStart: true } })
  await using proxy = await startForwardProxy({ names: ['chat.example'] })
  await using world = await createNotifyWorld({
    lookup: (host) =>
      host === 'chat.example' ? Promise.resolve(['127.0.0.1']) : Promise.reject(new Error(host)),
    network: networkOf({ ca: { '*.example': certificate.cert }, proxy: { '*.example': proxy.url } }),
  })
  const robot = await world.addChannel('slack', {
    webhook: receiver.origin.replace('127.0.0.1', 'chat.example'),
  })
  const mailbox = await world.addChannel('email', {
    smtp_host: 'chat.example',
    smtp_port: mail.port,
    tls_mode: 'tls',
    from_address: 'a@example.com',
    to_addresses: ['b@example.com'],
  })
  const ask = { words: undefined, signal: new AbortController().signal }

  const outcomes = [
    await testChannel(world.deps, robot.id, ask),
    await testChannel(world.deps, mailbox.id, ask),
  ]

  expect(outcomes.map(({ outcome }) => outcome.kind)).toEqual(['delivered', 'delivered'])
  expect(proxy.requests.map(({ method }) => method)).toEqual(['CONNECT'])
  expect(receiver.requests).toHaveLength(1)
  expect(mail.mails).toMatchObject([{ isEncrypted: true }])
})
