import { expect, test } from 'vitest'
import { startGitSshServer } from '../../rig/git-ssh-server.ts'
import { idOf, openWorld, textOf, twoLanguages } from './admin-world.ts'
import type { Answer, World } from './admin-world.ts'

// Whether a key opens a repository, and what the answer must not tell.

function generate(world: World, name: string): Promise<Answer> {
  return world.call('POST', '/ssh-keys', { name, generate: true })
}

test('a test tells in one word what a real server makes of it', async () => {
  await using server = await startGitSshServer()
  await using world = await openWorld({ SSH_HOST_KEYS: 'strict' })
  const app = await server.createRepository('app')
  const known = await generate(world, 'known')
  await server.authorize(textOf(known.data, 'public_key'))
  const stranger = await generate(world, 'stranger')
  const ask = (key: Answer, repo_url: string): Promise<Answer> =>
    world.call('POST', `/ssh-keys/${idOf(key)}/test`, { repo_url })

  const untrusted = await ask(known, app.url)
  const host = `127.0.0.1:${server.port}`
  await world.call('POST', '/host-keys', { host, public_key: await server.hostKey() })
  const good = await ask(known, app.url)
  const rejected = await ask(stranger, app.url)
  const missing = await ask(known, app.url.replace('/app.git', '/gone.git'))
  await server.changeHostKey()
  const changed = await ask(known, app.url)

  const answers = [untrusted, good, rejected, missing, changed]
  expect(answers.map(({ data }) => data)).toMatchObject([
    { ok: false, class: 'host_key_unknown' },
    { ok: true, class: 'ok', fingerprint: textOf(known.data, 'fingerprint') },
    { ok: false, class: 'key_rejected', fingerprint: textOf(stranger.data, 'fingerprint') },
    { ok: false, class: 'repository_not_found' },
    { ok: false, class: 'host_key_changed' },
  ])
  for (const { data, text } of answers) {
    expect(data).toHaveProperty('detail', twoLanguages)
    expect(text).not.toMatch(/Permission denied|fatal:|Host key verification/)
  }
})

test('a test forgets with the server: a key that was let in before is refused at once', async () => {
  await using server = await startGitSshServer()
  await using world = await openWorld()
  const app = await server.createRepository('app')
  const key = await generate(world, 'key')
  await server.authorize(textOf(key.data, 'public_key'))
  const ask = (): Promise<Answer> => world.call('POST', `/ssh-keys/${idOf(key)}/test`, { repo_url: app.url })

  const before = await ask()
  await server.authorize('ssh-ed25519 AAAA', { only: true })
  const after = await ask()

  expect([before.data, after.data]).toMatchObject([{ class: 'ok' }, { class: 'key_rejected' }])
})

test('a test answers the same about an open and a closed port of a host that may not be contacted', async () => {
  await using server = await startGitSshServer()
  await using world = await openWorld({ DENIED_HOSTS: '127.0.0.0/8' })
  const key = idOf(await generate(world, 'key'))
  const timed = async (repo_url: string) => {
    const took: number[] = []
    let data: unknown
    for (let tries = 0; tries < 3; tries += 1) {
      const startedAt = performance.now()
      ;({ data } = await world.call('POST', `/ssh-keys/${key}/test`, { repo_url }))
      took.push(performance.now() - startedAt)
    }
    world.pass(60_000)
    return { data, ms: Math.min(...took) }
  }

  const open = await timed(`ssh://git@127.0.0.1:${server.port}/app.git`)
  const closed = await timed('ssh://git@127.0.0.1:1025/app.git')
  const named = await timed(`ssh://git@localhost:${server.port}/app.git`)

  expect(open.data).toMatchObject({ ok: false, class: 'address_denied' })
  expect([closed.data, named.data]).toEqual([open.data, open.data])
  expect(Math.abs(open.ms - closed.ms)).toBeLessThan(100)
  expect(server.log()).not.toContain('Connection from')
})

test('a test does not tell a closed port from one where something else listens', async () => {
  await using world = await openWorld()
  const key = idOf(await generate(world, 'key'))
  const ask = (repo_url: string): Promise<Answer> => world.call('POST', `/ssh-keys/${key}/test`, { repo_url })

  const closed = await ask('ssh://git@127.0.0.1:1025/app.git')
  const other = await ask(`ssh://git@127.0.0.1:${new URL(world.url).port}/app.git`)

  expect(closed.data).toMatchObject({ class: 'unreachable' })
  expect(other.data).toEqual(closed.data)
})

test('a test is done six times a minute for one caller', async () => {
  await using world = await openWorld({ DENIED_HOSTS: '127.0.0.0/8' })
  const key = idOf(await generate(world, 'key'))
  const ask = (): Promise<Answer> =>
    world.call('POST', `/ssh-keys/${key}/test`, { repo_url: 'git@127.0.0.1:o/r' })

  const statuses: number[] = []
  for (let tests = 0; tests < 7; tests += 1) statuses.push((await ask()).status)
  const blocked = await ask()
  world.pass(60_000)
  const later = await ask()

  expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429])
  expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(later.status).toBe(200)
})

test.each([
  'https://github.com/o/r.git',
  '/srv/git/app.git',
  'git@host:--upload-pack=x',
  'ssh://git:secret@host/o/r',
  'ext::sh -c id',
  '',
])('a test refuses the address %j', async (repo_url) => {
  await using world = await openWorld()
  const key = idOf(await generate(world, 'key'))

  const answer = await world.call('POST', `/ssh-keys/${key}/test`, { repo_url })

  expect(answer).toMatchObject({ status: 400, detail: twoLanguages, hint: twoLanguages })
})
