import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import { githubPush } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { headOf, listAll, pushTo, runOf, SECRET, startJourney } from '../rig/journey.ts'
import { shaOf } from '../rig/repository.ts'

const MEGABYTE = 2 ** 20

const template = {
  repository: { fullName: 'team/app', cloneUrl: 'http://127.0.0.1/team/app.git' },
  ref: 'refs/heads/main',
  before: null,
  after: shaOf('1'.repeat(40)),
}

const DeliveryRow = z.looseObject({ status: z.string(), reason: z.string().nullable() })

test('whatever arrives in place of a delivery gets a clear answer, and the next real one still travels', async () => {
  await using journey = await startJourney({ WEBHOOK_SECRET_GOGS: 'another secret' })
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const stranger = { name: 'team/stranger', url: journey.inner.url('team/stranger') }
  const push = pushTo('github', app.inner, 'main', commit)
  const unsigned = githubPush({
    ...template,
    repository: { fullName: app.inner.name, cloneUrl: app.inner.url },
  })
  const cases: readonly (readonly [SentRequest, string, number, string])[] = [
    [pushTo('github', stranger, 'main', commit), '/webhooks', 200, 'unbound'],
    [unsigned, '/webhooks', 401, 'signature_missing'],
    [withHeaders(unsigned, { 'X-Hub-Signature-256': '' }), '/webhooks', 401, 'signature_missing'],
    [withHeaders(push, { 'X-Hub-Signature-256': 'sha256=zz' }), '/webhooks', 401, 'signature_invalid'],
    [pushTo('github', app.inner, 'main', commit, { secret: 'guess' }), '/webhooks', 401, 'signature_invalid'],
    [pushTo('gitlab', app.inner, 'main', commit, { secret: 'guess' }), '/webhooks', 401, 'signature_invalid'],
    [pushTo('gogs', app.inner, 'main', commit), '/webhooks/gogs', 401, 'signature_invalid'],
    [signed('{"ref":'), '/webhooks', 400, 'malformed'],
    [signed('[]'), '/webhooks', 400, 'malformed'],
    [signed('null'), '/webhooks', 400, 'malformed'],
    [signed('{"ref":7,"repository":"app"}'), '/webhooks', 400, 'malformed'],
    [signed('['.repeat(100_000)), '/webhooks', 400, 'malformed'],
    [withHeaders(signed('<push/>'), { 'Content-Type': 'text/xml' }), '/webhooks', 415, 'content_type'],
    [push, '/webhooks/sourceforge', 404, 'forge'],
    [{ ...push, headers: { 'Content-Type': 'application/json' } }, '/webhooks', 400, 'forge'],
  ]

  const answers: unknown[] = []
  for (const [sent, path] of cases) answers.push(await daemon.deliver(sent, path))
  const real = await daemon.deliver(push)
  const run = await daemon.runEnded(runOf(real.body))

  expect(answers).toMatchObject(cases.map(([, , status, reason]) => ({ status, body: { reason } })))
  expect(run).toMatchObject({ status: 'succeeded' })
  expect(await headOf(app.outer, 'main')).toBe(commit)
  const stored = await listAll(daemon, '/api/v1/deliveries', DeliveryRow)
  expect(stored.map(({ reason }) => reason).toReversed()).toEqual([
    ...cases.map(([, , , reason]) => reason),
    null,
  ])
  expect(daemon.output()).not.toMatch(/"level":"(?:error|fatal)"/)
})

test('without a secret nothing is taken in, and the log says how to set one', async () => {
  await using journey = await startJourney({ WEBHOOK_SECRET: '' })
  const app = await journey.bind('app')
  const commit = await journey.work.commit('first')

  const answer = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))

  expect(answer).toMatchObject({ status: 401, body: { status: 'rejected', reason: 'no_secret' } })
  expect(journey.daemon.output()).toMatch(/WEBHOOK_SECRET_GITEA/)
})

test('a body that is too large is refused while it comes in, and is not kept in memory', async () => {
  await using journey = await startJourney({ WEBHOOK_MAX_BODY: '1MB' })
  const { daemon } = journey
  // What the first requests of a process need is not what is measured.
  await daemon.call('GET', '/api/v1/runs')
  const before = await memoryOf(daemon)

  const declared = await send(daemon, `Content-Length: ${10_000 * MEGABYTE}`, 1)
  const chunked = await send(daemon, 'Transfer-Encoding: chunked', 200)
  const after = await memoryOf(daemon)

  expect(declared).toMatch(/^HTTP\/1.1 413 /)
  expect(chunked).toMatch(/^HTTP\/1.1 413 /)
  expect(after - before).toBeLessThan(40 * MEGABYTE)
  expect((await daemon.call('GET', '/healthz')).status).toBe(200)
})

test('what cannot be bound is refused with its documented number, in both languages', async () => {
  await using journey = await startJourney()
  const { daemon, inner, outer } = journey
  const cases = [
    [{ internal_repo_address: 'https:///team/app.git' }, 10001],
    [{ external_repo_address: '--upload-pack=touch /tmp/x' }, 10001],
    [{ external_repo_address: '/etc' }, 10001],
    [{ external_repo_address: 'ext::sh -c id' }, 10001],
    [{ external_repo_address: 'http://169.254.169.254/latest' }, 10001],
    [{ repo_name: '' }, 10001],
    [{ sync_granularity: 3 }, 10007],
    [{ sync_direction: 9 }, 10008],
  ] as const
  const bind = (change: object) =>
    daemon.call('POST', '/cerobot/sync/repo', {
      repo_name: 'app',
      enable: true,
      internal_repo_address: inner.url('team/app'),
      external_repo_address: outer.url('team/app'),
      sync_granularity: 1,
      sync_direction: 1,
      ...change,
    })

  const answers = await Promise.all(cases.map(([change]) => bind(change)))
  const listed = await daemon.call('GET', '/cerobot/sync/repo')

  expect(answers).toMatchObject(
    cases.map(([, code]) => ({ status: 200, body: { code_status: code, data: null } })),
  )
  const details = answers.map(({ body }) => z.looseObject({ detail: z.string() }).parse(body).detail)
  expect(details.filter((text) => !/\p{Script=Han}.* \/ .*[a-z]/su.test(text))).toEqual([])
  expect(listed.body).toMatchObject({ data: [], total: 0 })
})

/** A body as GitHub would sign it, whatever it is. */
function signed(body: string): SentRequest {
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
  return { ...withHeaders(githubPush(template), { 'X-Hub-Signature-256': signature }), body }
}

function withHeaders(sent: SentRequest, headers: Readonly<Record<string, string>>): SentRequest {
  return { ...sent, headers: { ...sent.headers, ...headers } }
}

/** Sends so many megabytes, or as many as the daemon takes; resolves to what it answered. */
function send(daemon: DaemonProcess, lengthHeader: string, megabytes: number): Promise<string> {
  const { hostname, port } = new URL(daemon.url)
  const chunk = `${MEGABYTE.toString(16)}\r\n${'x'.repeat(MEGABYTE)}\r\n`
  return new Promise((resolve, reject) => {
    let answer = ''
    let sent = 0
    const socket = connect(Number(port), hostname)
    const more = (): void => {
      while (sent < megabytes && !socket.destroyed) {
        sent += 1
        if (!socket.write(chunk)) return
      }
    }
    socket.on('drain', more)
    socket.on('data', (data) => {
      answer += data.toString()
      socket.end()
    })
    socket.on('close', () => resolve(answer))
    // Refused while it still sends, the connection may end hard; what was answered by then counts.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.write(`POST /webhooks/github HTTP/1.1\r\nHost: ${hostname}\r\n${lengthHeader}\r\n\r\n`)
    more()
  })
}

async function memoryOf({ pid }: DaemonProcess): Promise<number> {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}
