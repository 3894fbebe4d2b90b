import { expect, test } from 'vitest'
import { z } from 'zod'
import { startDaemonProcess } from '../rig/daemon.ts'
import { headOf, pushTo, runOf, startJourney } from '../rig/journey.ts'
import { createFolder } from '../rig/repository.ts'

const API_TOKEN = 'a-token-from-the-environment'
const FIRST_TOKEN = /the first admin token, shown only now: (rst_[\w-]{43})/

test('the first token is printed once, opens everything, and stays after a restart', async () => {
  await using folder = await createFolder()
  const env = { AUTH: 'token' }
  await using first = await startDaemonProcess({ dir: folder.path, env })
  const [, token = ''] = FIRST_TOKEN.exec(first.output()) ?? []

  const before = await first.call('GET', '/cerobot/sync/repo', undefined, bearer(token))
  await first.stop()
  await using second = await startDaemonProcess({ dir: folder.path, env })
  const after = await second.call('GET', '/cerobot/sync/repo', undefined, bearer(token))

  expect(token).not.toBe('')
  expect(before.status).toBe(200)
  expect(second.output()).not.toMatch(FIRST_TOKEN)
  expect(after.status).toBe(200)
})

test('without a token nothing is told or done, and every family of calls says so in its own envelope', async () => {
  await using journey = await startJourney({ AUTH: 'token', API_TOKEN })
  const { daemon } = journey

  const missing = await daemon.call('GET', '/api/v1/runs')
  const wrong = await daemon.call('GET', '/api/v1/runs', undefined, bearer('guess'))
  const documented = await daemon.call('DELETE', '/cerobot/sync/repo/app')
  const log = await daemon.call('GET', '/api/v1/runs/1/log', undefined, { accept: 'text/event-stream' })
  const unknown = await daemon.call('GET', '/anything')

  expect(missing).toMatchObject({ status: 401, body: { code: 401, data: null } })
  expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer /)
  expect(missing.body).toHaveProperty(
    'hint',
    expect.stringMatching(/Authorization: Bearer .+ \/ .+API_TOKEN/s),
  )
  expect(wrong).toMatchObject({ status: 401, body: { code: 401, data: null } })
  expect(documented).toMatchObject({ status: 401, body: { code_status: 10401, data: null } })
  expect(log.status).toBe(401)
  expect(unknown.status).toBe(401)
})

test('webhooks and health need no token, and what a webhook causes is read with one', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await journey.restart({ AUTH: 'token', API_TOKEN })
  const { daemon, work } = journey
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')

  const health = await daemon.call('GET', '/healthz')
  const delivered = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  const run = await daemon.runEnded(runOf(delivered.body), bearer(API_TOKEN))

  expect(health.status).toBe(200)
  expect(delivered.status).toBe(202)
  expect(run).toMatchObject({ status: 'succeeded' })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('who guesses tokens is stopped for a while', async () => {
  await using journey = await startJourney({ AUTH: 'token', API_TOKEN })
  const guess = () => journey.daemon.call('GET', '/api/v1/runs', undefined, bearer('guess'))

  const statuses: number[] = []
  for (let guesses = 0; guesses < 11; guesses += 1) statuses.push((await guess()).status)
  const last = await guess()

  expect(statuses.slice(0, 10)).toEqual(Array<number>(10).fill(401))
  expect(last).toMatchObject({ status: 429, body: { code: 429, data: null } })
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('tokens are needed by default wherever others can reach the daemon', async () => {
  await using folder = await createFolder()
  await using daemon = await startDaemonProcess({ dir: folder.path, env: { HOST: '0.0.0.0', API_TOKEN } })
  const url = new URL(daemon.url)
  url.hostname = '127.0.0.1'

  const closed = await fetch(`${url.origin}/api/v1/runs`)
  const open = await fetch(`${url.origin}/api/v1/runs`, { headers: bearer(API_TOKEN) })

  expect(closed.status).toBe(401)
  expect(open.status).toBe(200)
  expect(daemon.output()).toContain('"auth":"token"')
  expect(daemon.output()).not.toMatch(FIRST_TOKEN)
})

test('an open daemon does not obey the pages of other sites', async () => {
  await using journey = await startJourney()
  const { daemon } = journey

  const page = await daemon.call('GET', '/api/v1/runs', undefined, { origin: 'https://evil.example' })

  expect(page).toMatchObject({ status: 403, body: { code: 403, data: null } })
  expect(z.looseObject({ detail: z.string() }).parse(page.body).detail).toMatch(/other sites/)
})

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` }
}
