import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startGitSshServer } from '../../rig/git-ssh-server.ts'
import type { GitSshServer } from '../../rig/git-ssh-server.ts'
import { auditOf, idOf, itemsOf, openWorld, textOf, twoLanguages } from './admin-world.ts'
import type { Answer, World } from './admin-world.ts'

const Shown = z.object({
  host: z.string(),
  keys: z.array(z.object({ type: z.string(), fingerprint: z.string(), trusted: z.boolean() })),
})
const GITHUB_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf'

/** A daemon that believes nobody by itself, and a function that tells how it gets on with the server. */
async function strictWorld(server: GitSshServer) {
  const world = await openWorld({ SSH_HOST_KEYS: 'strict' })
  const app = await server.createRepository('app')
  const key = await world.call('POST', '/ssh-keys', { name: 'key', generate: true })
  await server.authorize(textOf(key.data, 'public_key'))
  const login = async (): Promise<unknown> => {
    const tested = await world.call('POST', `/ssh-keys/${idOf(key)}/test`, { repo_url: app.url })
    return textOf(tested.data, 'class')
  }
  return Object.assign(world, { login })
}

/** What sshd would show an administrator at its own console. */
async function fingerprintAtServer(server: GitSshServer): Promise<string> {
  const listing = promisify(execFile)('ssh-keygen', ['-l', '-f', '-'])
  listing.child.stdin?.end(await server.hostKey())
  const { stdout } = await listing
  return stdout.split(' ')[1] ?? ''
}

function trust(world: World, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  return world.call('POST', '/host-keys', body)
}

test('in strict mode a person sees the fingerprint, confirms it, and only then does the daemon log in', async () => {
  await using server = await startGitSshServer()
  await using world = await strictWorld(server)
  const host = `127.0.0.1:${server.port}`

  const before = await world.login()
  const shown = await trust(world, { host })
  const seen = await world.login()
  const [key] = Shown.parse(shown.data).keys
  const confirmed = await trust(world, { host, fingerprint: key?.fingerprint })
  const after = await world.login()
  const again = await trust(world, { host })

  expect([before, seen, after]).toEqual(['host_key_unknown', 'host_key_unknown', 'ok'])
  expect(shown.status).toBe(200)
  expect(key).toEqual(
    expect.objectContaining({
      type: 'ssh-ed25519',
      fingerprint: await fingerprintAtServer(server),
      trusted: false,
    }),
  )
  expect(confirmed).toMatchObject({
    status: 201,
    data: { host: `[127.0.0.1]:${server.port}`, type: 'ssh-ed25519', trusted_by: 'call' },
  })
  expect(Shown.parse(again.data).keys).toMatchObject([{ trusted: true }])
})

test('another fingerprint than the server shows is not believed', async () => {
  await using server = await startGitSshServer()
  await using world = await strictWorld(server)
  const host = `127.0.0.1:${server.port}`

  const refused = await trust(world, { host, fingerprint: `SHA256:${'A'.repeat(43)}` })

  expect(refused).toMatchObject({ status: 409, detail: twoLanguages })
  expect(refused.detail).toContain(await fingerprintAtServer(server))
  expect(await world.login()).toBe('host_key_unknown')
})

test('a server that has changed its key is believed again once the old one is forgotten', async () => {
  await using server = await startGitSshServer()
  await using world = await strictWorld(server)
  const host = `[127.0.0.1]:${server.port}`
  await trust(world, { host, public_key: await server.hostKey() })
  await server.changeHostKey()

  const changed = await world.login()
  const replaced = await trust(world, { host, public_key: await server.hostKey() })
  const forgotten = await world.call('DELETE', `/host-keys/${encodeURIComponent(host)}`)
  const trusted = await trust(world, { host, public_key: `${await server.hostKey()} root@server` })
  const after = await world.login()

  expect([changed, after]).toEqual(['host_key_changed', 'ok'])
  expect(replaced).toMatchObject({ status: 409, detail: twoLanguages, hint: twoLanguages })
  expect(forgotten).toMatchObject({ status: 200, data: { items: [{ host }], total: 1 } })
  expect(trusted.status).toBe(201)
})

test('hosts are listed with who trusted their keys, the built-in ones too', async () => {
  await using server = await startGitSshServer()
  await using world = await openWorld()
  const app = await server.createRepository('app')
  const key = await world.call('POST', '/ssh-keys', { name: 'key', generate: true })
  await world.call('POST', `/ssh-keys/${idOf(key)}/test`, { repo_url: app.url })
  await trust(world, { host: 'Git.Example.com', public_key: OTHER_KEY })

  const list = itemsOf(await world.call('GET', '/host-keys'))

  expect(list.slice(-2)).toMatchObject([
    { host: `[127.0.0.1]:${server.port}`, trusted_by: 'first_use' },
    { host: 'git.example.com', trusted_by: 'call', public_key: OTHER_KEY },
  ])
  expect(list).toContainEqual(
    expect.objectContaining({
      host: 'github.com',
      trusted_by: 'built_in',
      since: null,
      fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
    }),
  )
})

test('keys that are trusted already stay as they are, built-in ones cannot be forgotten or replaced', async () => {
  await using world = await openWorld()
  await trust(world, { host: 'h.example', public_key: OTHER_KEY })

  const answers = {
    same: await trust(world, { host: 'h.example', public_key: OTHER_KEY }),
    builtIn: await trust(world, { host: 'github.com', public_key: GITHUB_KEY }),
    replaced: await trust(world, { host: 'github.com:22', public_key: OTHER_KEY }),
    forgotten: await world.call('DELETE', '/host-keys/github.com'),
    otherType: await world.call('DELETE', '/host-keys/h.example?type=ssh-rsa'),
    type: await world.call('DELETE', '/host-keys/h.example?type=ssh-ed25519'),
    unknown: await world.call('DELETE', '/host-keys/h.example'),
  }

  expect(Object.fromEntries(Object.entries(answers).map(([name, { status }]) => [name, status]))).toEqual({
    same: 201,
    builtIn: 201,
    replaced: 409,
    forgotten: 409,
    otherType: 404,
    type: 200,
    unknown: 404,
  })
  expect(answers.builtIn.data).toMatchObject({ trusted_by: 'built_in' })
})

test.each([
  [{ host: 'h.example', public_key: 'ssh-ed25519 rubbish' }, 400],
  [{ host: 'h.example', public_key: `ssh-rsa ${OTHER_KEY.split(' ')[1] ?? ''}` }, 400],
  [{ host: 'h.example', public_key: '-----BEGIN OPENSSH PRIVATE KEY-----' }, 400],
  [{ host: '', public_key: OTHER_KEY }, 400],
  [{ host: 'h.example:99999', public_key: OTHER_KEY }, 400],
  [{ host: 'h.example -oProxyCommand=x', public_key: OTHER_KEY }, 400],
  [{ host: '-oProxyCommand=x' }, 400],
  [{ public_key: OTHER_KEY }, 400],
  [{ host: '169.254.169.254' }, 400],
  [{ host: 'h.example:25' }, 400],
  [{ host: '127.0.0.1:1025' }, 503],
  [{ host: 'nowhere.invalid' }, 503],
])('%j is refused with %i', async (body, status) => {
  await using world = await openWorld()

  const answer = await trust(world, body)

  expect(answer).toMatchObject({ status, data: null, detail: twoLanguages })
  expect(itemsOf(await world.call('GET', '/host-keys')).every(({ since }) => since === null)).toBe(true)
})

test('a host that may not be contacted is not contacted, and servers are asked six times a minute', async () => {
  await using server = await startGitSshServer()
  await using world = await openWorld({ DENIED_HOSTS: '127.0.0.0/8' })

  const statuses: number[] = []
  for (let asked = 0; asked < 7; asked += 1)
    statuses.push((await trust(world, { host: `localhost:${server.port}` })).status)

  expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 429])
  expect(server.log()).not.toContain('Connection from')
})

test('trusting and forgetting is on record', async () => {
  await using world = await openWorld()
  await trust(world, { host: 'h.example', public_key: OTHER_KEY })
  await trust(world, { host: 'h.example', public_key: GITHUB_KEY })
  await trust(world, { host: '127.0.0.1:1025' })
  await world.call('DELETE', '/host-keys/h.example')

  const entries = await auditOf(world, 'object_type=host_key')

  const fingerprint = 'SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8'
  expect(entries).toMatchObject([
    { action: 'DELETE', target: 'host_key:h.example', before: { keys: [{ fingerprint }] } },
    { action: 'SCAN', target: 'host_key:[127.0.0.1]:1025', outcome: 'failed', reason: 'host_key_scan' },
    { action: 'CREATE', target: 'host_key:h.example', outcome: 'failed', reason: 'host_key_differs' },
    { action: 'CREATE', target: 'host_key:h.example', outcome: 'success', after: { fingerprint } },
  ])
})
