import { createServer } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { pair } from './comparison.ts'
import { commitOne, createLfsWorld } from './lfs-world.ts'
import type { LfsWorld } from './lfs-world.ts'
import { LOGIN, results } from './world.ts'

// Where the answers of an LFS server may lead, and what is carried there.

const BASIC = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`

type Canary = AsyncDisposable & {
  readonly origin: string
  readonly heard: { readonly method: string; readonly headers: string }[]
}

/** A server that nobody has any business with. */
async function startCanary(host = '127.0.0.1'): Promise<Canary> {
  const heard: { readonly method: string; readonly headers: string }[] = []
  const server = createServer((request, response) => {
    heard.push({ method: request.method ?? '', headers: JSON.stringify(request.headers) })
    request.resume()
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the canary has no port')
  return {
    origin: `http://${host}:${address.port}`,
    heard,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Everything that is in the mirror, and all that a person was told. */
async function traces(world: LfsWorld, outcome: unknown): Promise<string> {
  const entries = await readdir(world.mirror, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = await Promise.all(files.map((file) => readFile(`${file.parentPath}/${file.name}`, 'latin1')))
  return [...texts, ...world.lines, JSON.stringify(outcome)].join('\n')
}

describe('objects at a storage of their own', () => {
  test('travel without the login of the forge', async () => {
    await using world = await createLfsWorld({ server: { storage: 'apart' } })
    const oid = await commitOne(world)

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
    const transfers = world.requests().filter(({ stage }) => stage !== 'batch')
    expect(transfers.every(({ atStorage }) => atStorage)).toBe(true)
    expect(transfers.filter(({ authorization }) => authorization !== undefined)).toEqual([])
  })

  test('are reached over a redirect, with nothing that the link brought', async () => {
    await using world = await createLfsWorld()
    await using canary = await startCanary()
    await commitOne(world)
    world.lfs.fault({ stage: 'download', kind: 'redirect', to: `${canary.origin}/object` })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'lfs_missing' }])
    expect(canary.heard.map(({ method }) => method)).toEqual(['GET', 'GET'])
    for (const { headers } of canary.heard) expect(headers).not.toMatch(/authorization|x-storage-key/)
  })

  test('take the login where the link is at the forge itself and brings none', async () => {
    await using world = await createLfsWorld({ server: { bareLinks: true } })
    const oid = await commitOne(world)

    await world.sync({ lfs: true })

    expect(await world.objects('external')).toEqual([oid])
    expect(world.requests().map(({ authorization }) => authorization)).toEqual(Array(5).fill(BASIC))
  })

  test('never take the login elsewhere', async () => {
    await using world = await createLfsWorld({ server: { bareLinks: true } })
    await using canary = await startCanary()
    await commitOne(world)
    world.lfs.fault({ stage: 'batch', repository: 'outer/app', kind: 'links', origin: canary.origin })

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'rejected' })
    expect(canary.heard.map(({ method }) => method)).toEqual(['PUT'])
    for (const { headers } of canary.heard) expect(headers).not.toContain('authorization')
  })

  test('are brought in chunks where the link asks for that', async () => {
    await using world = await createLfsWorld({ server: { wantsChunks: true } })
    const oid = await commitOne(world)

    await world.sync({ lfs: true })

    expect(await world.objects('external')).toEqual([oid])
  })

  test.each([
    { end: -1, isOld: true },
    { end: '2020-01-31T12:00:00Z', isOld: true },
    { end: '0001-01-01T00:00:00Z', isOld: false },
    { end: 3600, isOld: false },
  ])('are asked for anew when the links have grown old: $end', async ({ end, isOld }) => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    world.lfs.giveLinksFor(end)

    await world.sync({ lfs: true })

    expect(await world.objects('external')).toEqual([oid])
    expect(world.asked('internal')).toEqual(isOld ? ['batch', 'batch', 'download'] : ['batch', 'download'])
  })
})

describe('a server that leads astray', () => {
  const allowAddress = (_host: string, ip: string): boolean => ip !== '127.0.0.2'

  test.each([
    { stage: 'batch' as const, kind: 'redirected' },
    { stage: 'upload' as const, kind: 'redirected' },
    { stage: 'verify' as const, kind: 'redirected' },
  ])('with a redirect of $stage is not followed', async ({ stage, kind }) => {
    await using world = await createLfsWorld()
    await using canary = await startCanary()
    await commitOne(world)
    world.lfs.fault({ stage, repository: 'outer/app', kind: 'redirect', to: `${canary.origin}/x` })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind }])
    expect(canary.heard).toEqual([])
  })

  test.each(['inner/app', 'outer/app'])(
    'to an address that is not allowed is not followed: links of %s',
    async (repository) => {
      await using world = await createLfsWorld({ allowAddress })
      await using canary = await startCanary('127.0.0.2')
      await commitOne(world)
      world.lfs.fault({ stage: 'batch', repository, kind: 'links', origin: canary.origin })

      const outcome = await world.sync({ lfs: true })

      expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'address_denied' }])
      expect(canary.heard).toEqual([])
    },
  )

  test('to an address that is not allowed is not followed: a redirect', async () => {
    await using world = await createLfsWorld({ allowAddress })
    await using canary = await startCanary('127.0.0.2')
    await commitOne(world)
    world.lfs.fault({ stage: 'download', kind: 'redirect', to: `${canary.origin}/object` })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'address_denied' }])
    expect(canary.heard).toEqual([])
  })

  test.each([
    'http://127.0.0.1:6379',
    'http://127.0.0.1:22',
    'file:///etc',
    'http://ada:secret@127.0.0.1:8080',
    'nowhere:',
  ])('to a place where no storage is, is not followed: %s', async (origin) => {
    await using world = await createLfsWorld()
    await commitOne(world)
    world.lfs.fault({ stage: 'batch', repository: 'outer/app', kind: 'links', origin })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'address_denied' }])
    expect(world.asked('internal')).toEqual([])
  })

  test('in circles is left', async () => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    const to = `${world.server.origin}/inner/app.git/info/lfs/storage/${oid}`
    world.lfs.fault({ stage: 'download', kind: 'redirect', to })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'redirected' }])
  })

  test('by way of the repository is not heeded', async () => {
    await using world = await createLfsWorld()
    await using canary = await startCanary()
    await world.work.commit('astray', { '.lfsconfig': `[lfs]\n\turl = ${canary.origin}/lfs\n` })
    const { oid } = await world.commitObject('a.bin', 1000)
    await world.publishPast('internal', 'main')

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.objects('external')).toEqual([oid])
    expect(canary.heard).toEqual([])
  })
})

describe('secrets', () => {
  test.each(['batch', 'download', 'upload'] as const)(
    'that the server repeats are not repeated: %s',
    async (stage) => {
      await using world = await createLfsWorld()
      await commitOne(world)
      const { storageKey } = world.lfs
      const ofLink = stage === 'batch' ? '' : `, ${storageKey} and ?signature=${storageKey}`
      const message = `you sent ${BASIC}, ${LOGIN.password}${ofLink}`
      const body = JSON.stringify({ message })
      world.lfs.fault({ stage, kind: 'status', status: 403, body })

      const outcome = await world.sync({ lfs: true })

      expect(outcome.refs[0]?.reason).toContain('you sent')
      const found = await traces(world, outcome)
      for (const secret of [BASIC.slice(6), LOGIN.password, world.lfs.storageKey]) {
        expect(found).not.toContain(secret)
      }
    },
  )

  test('leave no trace when all goes well', async () => {
    await using world = await createLfsWorld()
    await commitOne(world)

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    const found = await traces(world, outcome)
    expect(found).toContain('LFS')
    for (const secret of [BASIC.slice(6), LOGIN.password, world.lfs.storageKey]) {
      expect(found).not.toContain(secret)
    }
  })
})
