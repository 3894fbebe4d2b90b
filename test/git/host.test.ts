import { expect, test } from 'vitest'
import { parseEndpoint } from '../../src/git/host.ts'
import { listRefs, pushRefs } from '../../src/git/remote.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { openGitWorld, refName } from '../rig/git-world.ts'
import { remoteUrl, shaOf } from '../rig/repository.ts'

const { signal } = new AbortController()

test('git goes to the address that was checked, whatever the name leads to later', async () => {
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  await using world = await openGitWorld({ lookup: () => Promise.resolve(answers.shift() ?? []) })
  const { room, server, app, remote, work } = world
  const first = await work.commit('first')
  await work.push(app.dir, 'main')
  const url = remoteUrl(`http://forge.invalid:${server.port}/team/app.git`)

  const listed = await listRefs(room.git, { ...remote, url }, { signal })

  expect(listed).toMatchObject({ ok: true, refs: new Map([['refs/heads/main', first]]) })
  expect(answers).toEqual([['127.0.0.2']])
})

test('an empty repository behind a name is asked once more at the checked address', async () => {
  await using world = await openGitWorld({ lookup: () => Promise.resolve(['127.0.0.1']) })
  const url = remoteUrl(`http://forge.invalid:${world.server.port}/team/app.git`)

  const listed = await listRefs(world.room.git, { ...world.remote, url }, { signal })

  expect(listed).toMatchObject({ ok: true, head: null })
  expect(world.server.requests.at(-1)?.path).toBe('/team/app.git/info/refs?service=git-upload-pack')
})

test.each([
  'http://127.0.0.1:PORT/a.git',
  'http://forge.invalid:PORT/a.git',
  'ssh://git@forge.invalid:PORT/a.git',
])('one address that is not allowed keeps everything from %s', async (address) => {
  const asked: string[] = []
  await using canary = await startGitHttpServer()
  await using world = await openGitWorld({
    lookup: () => Promise.resolve(['198.51.100.7', '127.0.0.1']),
    allowAddress: (host, ip) => {
      asked.push(`${host} ${ip}`)
      return ip !== '127.0.0.1'
    },
  })
  const url = remoteUrl(address.replace('PORT', String(canary.port)))
  const remote = { url, credential: undefined }
  const update = { ref: refName('refs/heads/main'), sha: shaOf('1'.repeat(40)) }

  const listed = await listRefs(world.room.git, remote, { signal })
  const pushed = await pushRefs(world.room.git, world.mirror, remote, [update], { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
  expect(world.room.operations).toEqual([])
  expect(canary.requests).toEqual([])
  expect(asked.every((question) => question.endsWith('127.0.0.1') || question.endsWith('198.51.100.7'))).toBe(
    true,
  )
})

test('an address is understood as git understands it, or not at all', () => {
  const ssh = { scheme: 'ssh', port: 22, user: 'git' }

  expect(parseEndpoint(remoteUrl('git@forge.example:team/app.git'))).toEqual({
    ...ssh,
    host: 'forge.example',
  })
  expect(parseEndpoint(remoteUrl('ssh://git@[::1]:2222/a.git'))).toEqual({ ...ssh, host: '::1', port: 2222 })
  expect(parseEndpoint(remoteUrl('https://forge.example/a.git'))).toMatchObject({
    host: 'forge.example',
    port: 443,
  })
  expect(parseEndpoint(remoteUrl('file:///srv/a.git'))).toEqual({ scheme: 'file' })
})

test.each([
  'ext::sh -c id',
  'https::http://x',
  '--upload-pack=id',
  '/srv/a.git',
  'git://forge.example/a.git',
  'ftp://forge.example/a.git',
  'https://ada:secret@forge.example/a.git',
  'https://ada@forge.example/a.git',
  'ssh://-oProxyCommand=id/a.git',
  'git@-oProxyCommand=id:a.git',
  "ssh://git@a'b/a.git",
  'git@forge.example:--upload-pack=id',
])('%s is no address for git', (text) => {
  expect(parseEndpoint(remoteUrl(text))).toBeUndefined()
})
