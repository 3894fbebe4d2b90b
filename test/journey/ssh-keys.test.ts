import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer } from '../rig/git-ssh-server.ts'
import { expectSuccess, headOf, startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { KEY_FORMS, makeEncryptedKey, PASSPHRASE, secretLines } from '../rig/key-forms.ts'

const Key = z.object({ data: z.looseObject({ id: z.number(), public_key: z.string() }) })

async function createKey(
  daemon: DaemonProcess,
  source: Readonly<Record<string, unknown>>,
): Promise<{ readonly id: number; readonly publicKey: string }> {
  const { body } = await daemon.call('POST', '/api/v1/ssh-keys', { name: 'key', ...source })
  const { id, public_key: publicKey } = Key.parse(body).data
  return { id, publicKey }
}

/** Binds two repositories of one SSH server whose sides both name the key. */
async function bindWithKey(journey: Journey, server: GitSshServer, key: number) {
  const inner = await server.createRepository('inner')
  const outer = await server.createRepository('outer')
  await journey.bind('app', {
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: '',
    exter_token: '',
  })
  for (const side of ['internal', 'external']) {
    await journey.daemon.call('PUT', `/api/v1/bindings/app/ssh-keys/${side}`, { ssh_key_id: key })
  }
  return { inner, outer }
}

async function sync(daemon: DaemonProcess): Promise<number> {
  const { body } = await daemon.call('POST', '/cerobot/sync/repo/app')
  return z.object({ code_status: z.number() }).parse(body).code_status
}

// One of OpenSSH's own and one of OpenSSL's; that all of them come out alike is tested where they are read.
const FORMS = ['OpenSSH ed25519 with a passphrase', 'PKCS #8 ecdsa with a passphrase'].flatMap((name) =>
  KEY_FORMS.filter((form) => form.name === name),
)

test('syncs log in on both sides with a named key, whatever file it came in, also one with a passphrase', async () => {
  await using journey = await startJourney()
  await using server = await startGitSshServer()
  const { daemon, work } = journey
  const { id } = await createKey(daemon, { generate: true })
  const { inner, outer } = await bindWithKey(journey, server, id)

  const outcomes: unknown[] = []
  for (const { name, make } of FORMS) {
    const source = { private_key: await make(), passphrase: PASSPHRASE }
    const { body } = await daemon.call('PUT', `/api/v1/ssh-keys/${id}`, source)
    await server.authorize(Key.parse(body).data.public_key, { only: true })
    const commit = await work.commit(name)
    await work.push(inner.dir, 'HEAD:refs/heads/main')
    const code = await sync(daemon)
    outcomes.push([name, code, (await headOf(outer, 'main')) === commit])
  }

  expect(outcomes).toEqual(FORMS.map(({ name }) => [name, 0, true]))
  expect(outcomes).toHaveLength(2)
})

test('a generated key works once its public half is at the server, and its rotation from the next sync on', async () => {
  await using journey = await startJourney()
  await using server = await startGitSshServer()
  const { daemon, work } = journey
  const key = await createKey(daemon, { generate: true })
  const { inner, outer } = await bindWithKey(journey, server, key.id)
  const first = await work.commit('first')
  await work.push(inner.dir, 'HEAD:refs/heads/main')

  const tooEarly = await sync(daemon)
  await server.authorize(key.publicKey, { only: true })
  const authorized = await sync(daemon)
  const headBefore = await headOf(outer, 'main')
  const { body } = await daemon.call('POST', `/api/v1/ssh-keys/${key.id}/rotate`, { generate: true })
  const second = await work.commit('second')
  await work.push(inner.dir, 'HEAD:refs/heads/main')
  const rotated = await sync(daemon)
  await server.authorize(Key.parse(body).data.public_key, { only: true })
  const authorizedAgain = await sync(daemon)

  expect([tooEarly, authorized, rotated, authorizedAgain]).toEqual([20001, 0, 20001, 0])
  expect(headBefore).toBe(first)
  expect(await headOf(outer, 'main')).toBe(second)
})

test('a restart keeps keys, and says when the secret key that opens them has been lost', async () => {
  await using journey = await startJourney()
  await using server = await startGitSshServer()
  const key = await createKey(journey.daemon, { generate: true })
  await server.authorize(key.publicKey)
  const { inner } = await bindWithKey(journey, server, key.id)
  await journey.work.commit('first')
  await journey.work.push(inner.dir, 'HEAD:refs/heads/main')

  await journey.restart()
  const kept = await sync(journey.daemon)
  await journey.restart({ SECRET_KEY: Buffer.alloc(32, 7).toString('base64') })
  const shown = await journey.daemon.call('GET', `/api/v1/ssh-keys/${key.id}`)

  expect(kept).toBe(0)
  expect(journey.daemon.output()).toContain('stored SSH keys cannot be read with this SECRET_KEY')
  expect(shown).toMatchObject({ status: 200, body: { data: { public_key: key.publicKey } } })
})

test('no private key, passphrase or token shows in an answer, log, audit entry, error or file', async () => {
  const API_TOKEN = 'planted-api-token-0123456789'
  await using journey = await startJourney({ API_TOKEN, AUTH: 'token', LOG_LEVEL: 'trace' })
  await using server = await startGitSshServer()
  const headers = { authorization: `Bearer ${API_TOKEN}` }
  const answers: unknown[] = []
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await journey.daemon.call(method, path, body, headers)
    answers.push(answer.body)
    return answer.body
  }
  const text = await makeEncryptedKey()
  // How every private key begins that ssh can use.
  const opened = Buffer.from('openssh-key-v1').toString('base64').slice(0, -2)
  const secrets = [opened, ...secretLines(text), PASSPHRASE, API_TOKEN]
  const { inner, outer } = {
    inner: await server.createRepository('inner'),
    outer: await server.createRepository('outer'),
  }

  const wrong = 'planted-wrong-passphrase'
  await call('POST', '/api/v1/ssh-keys', { name: 'wrong', private_key: text, passphrase: wrong })
  await call('POST', '/api/v1/ssh-keys', { name: 'cut', private_key: text.slice(0, 200), passphrase: wrong })
  await call('POST', '/api/v1/ssh-keys', { name: 7, private_key: [text], passphrase: { deep: wrong } })
  const created = await call('POST', '/api/v1/ssh-keys', {
    name: 'key',
    private_key: text,
    passphrase: PASSPHRASE,
  })
  const { id, public_key: publicKey } = Key.parse(created).data
  await server.authorize(publicKey)
  await call('POST', '/api/v1/ssh-keys', { name: 'key', private_key: text, passphrase: PASSPHRASE })
  await call('POST', '/api/v1/ssh-keys', { name: 'plain', private_key: server.strangerKey })
  await call('PUT', `/api/v1/ssh-keys/${id}`, { private_key: text, passphrase: PASSPHRASE })
  await call('POST', `/api/v1/ssh-keys/${id}/test`, { repo_url: inner.url })
  expectSuccess(
    await call('POST', '/cerobot/sync/repo', {
      repo_name: 'app',
      enable: true,
      internal_repo_address: inner.url,
      external_repo_address: outer.url,
      sync_granularity: 1,
      sync_direction: 1,
    }),
  )
  for (const side of ['internal', 'external'])
    await call('PUT', `/api/v1/bindings/app/ssh-keys/${side}`, { ssh_key_id: id })
  await call('POST', '/cerobot/sync/repo/app')
  const made = await call('POST', '/api/v1/tokens', { name: 'ci', role: 'read' })
  const { token } = z.object({ data: z.object({ token: z.string() }) }).parse(made).data
  const shownOnce = answers.pop()
  await journey.daemon.call('GET', '/api/v1/runs', undefined, { authorization: `Bearer ${token}` })
  await call('DELETE', '/api/v1/tokens/1')
  for (const path of [
    'ssh-keys',
    `ssh-keys/${id}`,
    'bindings',
    'bindings/app',
    'tokens',
    'host-keys',
    'runs',
  ])
    await call('GET', `/api/v1/${path}`)
  const audit = await call('GET', '/api/v1/audit/logs?page_size=100')
  await call('GET', '/api/v1/runs/1')
  const files = await textsOf(join(journey.folder.path, 'sync'))
  await journey.daemon.stop()
  const data = await textsOf(join(journey.folder.path, 'data'))

  const planted = [...secrets, wrong, token]
  const found = (place: string): readonly string[] => planted.filter((secret) => place.includes(secret))
  expect(shownOnce).toHaveProperty('data.token', token)
  expect(JSON.stringify(audit)).toContain('"action":"ROTATE"')
  expect(found(JSON.stringify(answers))).toEqual([])
  expect(found(journey.daemon.output())).toEqual([])
  expect([...files, ...data].flatMap(found)).toEqual([])
})

async function textsOf(folder: string): Promise<readonly string[]> {
  const texts: string[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    if (isFile) texts.push(await readFile(path, 'utf8'))
  }
  return texts
}
