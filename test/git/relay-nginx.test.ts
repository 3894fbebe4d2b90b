import { randomBytes } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import type { Remote } from '../../src/git/remote.ts'
import { listRefs } from '../../src/git/remote.ts'
import { createCertificate } from '../rig/certificate.ts'
import { PASSWORD } from '../rig/git-world.ts'
import type { Nginx } from '../rig/nginx.ts'
import { startNginx } from '../rig/nginx.ts'
import { git, remoteUrl } from '../rig/repository.ts'
import type { RelayWorld } from './relay-world.ts'
import { doubtOf, MAIN, openRelayWorld } from './relay-world.ts'

// The relay as it meets most forges: TLS, and a proxy that packs, buffers and cuts.

type FrontedWorld = AsyncDisposable & {
  readonly world: RelayWorld
  readonly proxies: { readonly source: Nginx; readonly target: Nginx }
  readonly ends: { readonly source: Remote; readonly target: Remote }
}

async function openFrontedWorld(maxBody?: string): Promise<FrontedWorld> {
  await using stack = new AsyncDisposableStack()
  const certificate = createCertificate('git.example.com')
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate.cert])
  stack.defer(() => setDefaultCACertificates(before))
  const world = stack.use(await openRelayWorld({ lookup: () => Promise.resolve(['127.0.0.1']) }))
  const limit = maxBody === undefined ? {} : { maxBody }
  const proxies = {
    source: stack.use(await startNginx({ upstream: world.servers.source.origin, certificate })),
    target: stack.use(await startNginx({ upstream: world.servers.target.origin, certificate, ...limit })),
  }
  const remoteOf = ({ port }: Nginx, name: string): Remote => ({
    url: remoteUrl(`https://git.example.com:${port}/${name}.git`),
    credential: PASSWORD,
  })
  const owned = stack.move()
  return {
    world,
    proxies,
    ends: {
      source: remoteOf(proxies.source, world.source.name),
      target: remoteOf(proxies.target, world.target.name),
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('pushes of any size pass, over three connections in all', async () => {
  await using fronted = await openFrontedWorld()
  const { world, ends, proxies } = fronted
  const second = await world.advance('second')
  const relayed = [await world.relay(ends)]
  for (let number = 0; number < 30; number += 1) await world.work.commit(`number ${number}`)
  const third = await world.advance('third')
  relayed.push(await world.relay({ ...ends, before: second }))
  const large = await world.advance('large', { 'large.txt': randomBytes(8 * 2 ** 20).toString('hex') })
  relayed.push(await world.relay({ ...ends, before: third }))

  const logs = [...(await proxies.source.log()), ...(await proxies.target.log())]
  expect(relayed).toEqual([second, third, large].map((after) => ({ ok: true, after })))
  expect(await world.targetHead()).toBe(large)
  expect(await git(world.target.dir, 'fsck', '--full')).toBe('')
  expect(new Set((await proxies.source.log()).map(({ connection }) => connection)).size).toBe(2)
  expect(new Set((await proxies.target.log()).map(({ connection }) => connection)).size).toBe(1)
  expect(logs.every(({ status }) => status === 200)).toBe(true)
  expect(world.room.operations).toEqual([])
}, 60_000)

test('a listing arrives packed and is read', async () => {
  await using fronted = await openFrontedWorld()
  const { world, ends, proxies } = fronted
  const names = Array.from({ length: 300 }, (_, number) => `main:refs/heads/team/feature-${number}`)
  await world.work.push(world.source.dir, ...names)

  const listed = await listRefs(world.room.git, ends.source, { signal: AbortSignal.timeout(20_000) })

  expect(listed).toMatchObject({ ok: true, head: MAIN })
  expect(listed.ok && listed.refs.size).toBe(301)
  expect((await proxies.source.log()).map(({ encoding }) => encoding)).toEqual(['', 'gzip'])
  expect(world.room.operations).toEqual([])
})

test.each([
  ['small', 1000],
  ['large', 8 * 2 ** 20],
])(
  'a %s push that is too large for the proxy is refused, and the target stays as it was',
  async (_, size) => {
    await using fronted = await openFrontedWorld('1k')
    const { world, ends } = fronted
    await world.advance('second', { 'large.txt': randomBytes(size).toString('hex') })

    const relayed = await world.relay(ends)

    expect(doubtOf(relayed)?.[1]).toBe('target')
    expect(relayed.ok ? '' : relayed.doubt.detail).toMatch(/413|closed|EPIPE|ECONNRESET/)
    expect(await world.targetHead()).toBe(world.first)
  },
)
