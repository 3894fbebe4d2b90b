import { describe, expect, test } from 'vitest'
import type { Fault } from '../rig/git-http-server.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { PASSWORD } from '../rig/git-world.ts'
import { findProcesses } from '../rig/processes.ts'
import { remoteUrl } from '../rig/repository.ts'
import { LARGE } from './relay-answers.ts'
import { doubtOf, openRelayWorld } from './relay-world.ts'

const STATUSES: readonly (readonly [string, Fault])[] = [
  ['401', { kind: 'status', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }],
  ['403', { kind: 'status', status: 403 }],
  ['404', { kind: 'status', status: 404 }],
  ['413', { kind: 'status', status: 413 }],
  ['429', { kind: 'status', status: 429, headers: { 'retry-after': '60' } }],
  ['500', { kind: 'status', status: 500 }],
  ['a redirect', { kind: 'redirect', toOrigin: 'http://127.0.0.1:9' }],
]

describe.each(['source', 'target'] as const)('at the %s', (end) => {
  test.each(STATUSES)('%s is a doubt, and the target stays as it was', async (_, fault) => {
    await using world = await openRelayWorld()
    await world.advance('second')
    world.servers[end].fault('*', fault)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['status', end])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('an early refusal of a large push is a doubt too', async () => {
    await using world = await openRelayWorld()
    await world.advance('second', LARGE)
    world.servers[end].fault('*', { kind: 'status', status: 413, body: 'too large' })

    const relayed = await world.relay()

    expect(relayed.ok).toBe(false)
    expect(await world.targetHead()).toBe(world.first)
  })

  test('a login page is a doubt', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    world.servers[end].fault('*', { kind: 'html' })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['malformed', end])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('nobody there is a doubt', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    const gone = { url: remoteUrl('http://127.0.0.1:9/team/app.git'), credential: PASSWORD }

    const relayed = await world.relay({ [end]: gone })

    expect(doubtOf(relayed)).toEqual(['unreachable', end])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('no answer is a doubt once the limit has passed', async () => {
    await using world = await openRelayWorld({ idleTimeoutMs: 400 })
    await world.advance('second')
    const service = end === 'source' ? 'upload-pack' : 'receive-pack'
    world.servers[end].fault('*', { kind: 'at', service, fault: { kind: 'hang' } })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['stalled', end])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('an abort ends everything', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    const hold = world.servers[end].hold(end === 'source' ? 'upload-pack' : 'receive-pack')
    const stop = new AbortController()

    const relaying = world.relay({}, stop.signal)
    await hold.reached
    stop.abort()
    const relayed = await relaying
    hold.release()

    expect(doubtOf(relayed)?.[0]).toBe('canceled')
    expect(await world.targetHead()).toBe(world.first)
  })
})

test('a redirect receives neither a request nor a password', async () => {
  await using world = await openRelayWorld()
  await using stranger = await startGitHttpServer()
  await world.advance('second')
  for (const end of ['source', 'target'] as const) {
    world.servers[end].fault('*', { kind: 'redirect', toOrigin: stranger.origin })
    await world.relay()
    world.servers[end].fault('*', { kind: 'ok' })
  }

  expect(stranger.requests).toEqual([])
  expect(await world.targetHead()).toBe(world.first)
})

test('an address that is not allowed is not contacted', async () => {
  await using world = await openRelayWorld({ allowAddress: () => false })
  await world.advance('second')

  const relayed = await world.relay()

  expect(relayed.ok).toBe(false)
  expect([...world.servers.source.requests, ...world.servers.target.requests]).toEqual([])
})

test('where it is switched off for one of the hosts, nobody is contacted', async () => {
  await using world = await openRelayWorld({ allowWire: () => false })
  await world.advance('second')

  const relayed = await world.relay()

  expect(doubtOf(relayed)).toEqual(['off', 'source'])
  expect([...world.servers.source.requests, ...world.servers.target.requests]).toEqual([])
})

test('what went wrong is not tried again at once, and no process is left', async () => {
  await using world = await openRelayWorld()
  await world.advance('second')
  world.servers.target.fault('*', { kind: 'status', status: 500 })
  await world.relay()
  world.servers.target.fault('*', { kind: 'ok' })

  const relayed = await world.relay()

  expect(doubtOf(relayed)).toEqual(['avoided', 'target'])
  expect(await findProcesses(world.source.dir)).toEqual([])
})
