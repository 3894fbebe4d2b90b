import { execFile } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import type { Hold } from '../rig/git-http-server.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { listAll, PASSWORDS, pushTo, runOf, SECRET, startJourney } from '../rig/journey.ts'
import { commandLines } from '../rig/leftovers.ts'
import { installHook, protectBranches } from '../rig/repository.ts'

const API_TOKEN = 'planted-api-token-0123456789'
const SECRET_KEY = Buffer.alloc(32, 'planted key ').toString('base64')
const WRONG = 'planted-wrong-password'
const PLANTED: readonly string[] = [
  API_TOKEN,
  SECRET_KEY,
  SECRET,
  WRONG,
  ...Object.values(PASSWORDS).flatMap(({ username, password }) => [
    password,
    encodeURIComponent(password),
    Buffer.from(password).toString('base64'),
    Buffer.from(`${username}:${password}`).toString('base64'),
  ]),
]

test('no secret shows in a command line, log, answer, database or mirror, whatever goes wrong', async () => {
  await using journey = await startJourney({ API_TOKEN, SECRET_KEY, SYNC_ATTEMPTS: '1', LOG_LEVEL: 'trace' })
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const wrong = await journey.bind('wrong', { inter_token: `ada:${WRONG}` })
  const kept = await journey.bind('kept')
  const page = await journey.bind('page')
  await journey.bind('lost', { external_repo_address: 'http://nowhere.invalid/team/lost.git' })
  await protectBranches(kept.outer.dir, 'main')
  journey.outer.fault('team/page', { kind: 'html' })
  const commit = await work.commit('first')
  for (const pair of [app, wrong, kept, page]) await work.push(pair.inner.dir, 'HEAD:refs/heads/main')
  const { inner, outer } = journey
  const holds = [
    inner.hold('info/refs'),
    inner.hold('upload-pack'),
    outer.hold('info/refs'),
    outer.hold('receive-pack'),
  ]

  const { body } = await daemon.deliver(pushTo('gitlab', app.inner, 'main', commit))
  const seen = await commandsDuring(holds)
  await daemon.runEnded(runOf(body))
  for (const name of ['wrong', 'kept', 'page', 'lost'])
    await daemon.call('POST', `/cerobot/sync/repo/${name}`)
  const answers = await everyAnswer(daemon)
  await daemon.stop()

  expect(seen).toContain('git-remote-http')
  expect(plantedIn(seen)).toEqual([])
  expect(plantedIn(answers)).toEqual([])
  expect(plantedIn(daemon.output())).toEqual([])
  expect(await plantedInFiles(journey.folder.path)).toEqual([])
})

test('a redirect is not followed: no request, and no token, reaches where it leads', async () => {
  await using journey = await startJourney()
  await using canary = await startGitHttpServer()
  await canary.createRepository('team/app')
  const app = await journey.bind('app')
  const commit = await journey.work.commit('first')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  journey.outer.fault('team/app', { kind: 'redirect', toOrigin: canary.origin })

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')
  journey.outer.fault('team/app', { kind: 'ok' })
  journey.inner.fault('team/app', { kind: 'redirect', toOrigin: canary.origin })
  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(body).toMatchObject({ code_status: 20002 })
  expect(z.looseObject({ detail: z.string() }).parse(body).detail).toContain(`${canary.origin}/team/app.git`)
  expect(run).toMatchObject({ status: 'failed', code: 20002 })
  expect(canary.requests).toEqual([])
})

test('a private key is in no command line and in no file once git has ended', async () => {
  await using journey = await startJourney()
  await using server = await startGitSshServer()
  const { daemon, folder } = journey
  const inner = await server.createRepository('inner/app')
  const outer = await server.createRepository('outer/app')
  await journey.bind('app', {
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: server.userKey,
    exter_token: server.userKey,
  })
  const [started, gate] = [join(folder.path, 'started'), join(folder.path, 'gate')]
  await promisify(execFile)('mkfifo', [started, gate])
  await installHook(outer.dir, 'pre-receive', `echo yes > '${started}'; read line < '${gate}'`)
  const commit = await journey.work.commit('over ssh')
  await journey.work.push(inner.dir, 'HEAD:refs/heads/main')

  const { body } = await daemon.deliver(pushTo('gitea', inner, 'main', commit))
  await readFile(started)
  const seen = await commandLines()
  await writeFile(gate, 'go on\n')
  const run = await daemon.runEnded(runOf(body))
  const answers = await everyAnswer(daemon)
  const files = await textsOf(join(folder.path, 'sync'))
  await daemon.stop()

  const lines = server.userKey.split('\n').filter((line) => line.length > 30)
  const holds = (text: string): boolean => lines.some((line) => text.includes(line))
  expect(run).toMatchObject({ status: 'succeeded' })
  expect([seen.join('\n'), answers, daemon.output(), ...files.values()].filter(holds)).toEqual([])
  expect([...(await textsOf(join(folder.path, 'data'))).values()].filter(holds)).toEqual([])
})

/** What runs on this machine while servers have requests of the daemon's git in their hands. */
async function commandsDuring(holds: readonly Hold[]): Promise<string> {
  const seen = holds.map(async ({ reached, release }) => {
    await reached
    const lines = await commandLines()
    release()
    return lines
  })
  return (await Promise.all(seen)).flat().join('\n')
}

/** All that the daemon tells whoever may ask. */
async function everyAnswer(daemon: DaemonProcess): Promise<string> {
  const Row = z.looseObject({ id: z.number() })
  const runs = await listAll(daemon, '/api/v1/runs', Row)
  const deliveries = await listAll(daemon, '/api/v1/deliveries', Row)
  const paths = [
    '/cerobot/sync/repo?page_size=100',
    '/cerobot/sync/repo/app/logs',
    '/api/v1/runs',
    '/api/v1/deliveries',
    ...runs.flatMap(({ id }) => [`/api/v1/runs/${id}`, `/api/v1/runs/${id}/log`]),
    ...deliveries.map(({ id }) => `/api/v1/deliveries/${id}`),
  ]
  const answers = await Promise.all(paths.map((path) => daemon.call('GET', path)))
  return answers.map(({ body }) => (typeof body === 'string' ? body : JSON.stringify(body))).join('\n')
}

function plantedIn(text: string): readonly string[] {
  return PLANTED.filter((secret) => text.includes(secret))
}

async function plantedInFiles(folder: string): Promise<readonly string[]> {
  const texts = [...(await textsOf(join(folder, 'data'))), ...(await textsOf(join(folder, 'sync')))]
  return texts.flatMap(([path, text]) => plantedIn(text).map((secret) => `${path}: ${secret}`))
}

async function textsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    if (isFile) texts.set(path, await readFile(path, 'utf8'))
  }
  return texts
}
