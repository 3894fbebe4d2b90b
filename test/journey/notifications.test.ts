import Sqlite from 'better-sqlite3'
import { EventEmitter, once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { headOf, pushTo, startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { startMailServer } from '../rig/smtp-server.ts'

const CHANNELS = '/api/v1/notification/channels'

async function addChannel(daemon: DaemonProcess, body: Readonly<Record<string, unknown>>): Promise<number> {
  const answer = await daemon.call('POST', CHANNELS, { events: ['webhook_error', 'sync_failure'], ...body })
  return z.object({ data: z.looseObject({ id: z.number() }) }).parse(answer.body).data.id
}

/** A delivery that nobody has signed rightly, which is something to tell. */
async function rejectedDelivery({ daemon, inner, work }: Journey): Promise<void> {
  const repository = { name: 'team/app', url: `${inner.origin}/team/app.git` }
  const { status } = await daemon.deliver(
    pushTo('gitea', repository, 'main', await work.commit('a push'), { secret: 'wrong' }),
    '/webhooks/gitea',
  )
  if (status !== 401) throw new Error(`the delivery was answered ${status}`)
}

function storedIds({ folder }: Journey): readonly string[] {
  const db = new Sqlite(join(folder.path, 'data/reposync.db'), { readonly: true })
  const rows = db.prepare<[], { id: string }>('select message_id as id from notification_delivery').all()
  db.close()
  return rows.map(({ id }) => id)
}

test('a daemon that is killed before it has told anybody tells it after its restart, once', async () => {
  await using journey = await startJourney()
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  await addChannel(journey.daemon, { type: 'webhook', name: 'ci', config: { url: receiver.origin } })
  await rejectedDelivery(journey)
  await journey.daemon.kill()
  const ids = storedIds(journey)
  const before = receiver.requests.length

  await journey.restart()
  await journey.daemon.printed(/notification sent/)
  await journey.daemon.stop()

  expect(before).toBe(0)
  expect(ids).toHaveLength(1)
  expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual(ids)
})

test('a daemon that is killed while it tells tells it again under the same id', async () => {
  await using journey = await startJourney()
  const arrivals = new EventEmitter()
  const held = Promise.withResolvers<void>()
  await using receiver = await startFakeForge(async () => {
    arrivals.emit('request')
    await held.promise
    return { status: 200 }
  })
  await addChannel(journey.daemon, { type: 'webhook', name: 'ci', config: { url: receiver.origin } })
  const arrived = once(arrivals, 'request')
  await rejectedDelivery(journey)
  await arrived
  await journey.daemon.kill()
  held.resolve()

  await journey.restart()
  await journey.daemon.printed(/notification sent/)

  const ids = receiver.requests.map(({ headers }) => headers['webhook-id'])
  expect(ids).toHaveLength(2)
  expect(new Set(ids)).toEqual(new Set(storedIds(journey)))
})

test('a receiver that never answers holds up neither a sync nor the stop', async () => {
  await using journey = await startJourney()
  const arrivals = new EventEmitter()
  await using receiver = await startFakeForge(() => {
    arrivals.emit('request')
    return new Promise(() => undefined)
  })
  await addChannel(journey.daemon, { type: 'webhook', name: 'ci', config: { url: receiver.origin } })
  const app = await journey.bind('app')
  const commit = await journey.work.commit('first')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const arrived = once(arrivals, 'request')
  await rejectedDelivery(journey)
  await arrived

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')
  const answeredWhileHeld = !journey.daemon.output().includes('notification was not taken')
  const stoppingAt = performance.now()
  const code = await journey.daemon.stop()
  const stopMs = performance.now() - stoppingAt

  expect(body).toMatchObject({ code_status: 0 })
  expect(answeredWhileHeld).toBe(true)
  expect(code).toBe(0)
  expect(stopMs).toBeLessThan(5000)
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

const PLANTED = {
  query: 'planted-query-token-0123456789',
  path: 'planted-path-token-0123456789',
  sign: 'SEC-planted-sign-secret',
  header: 'planted-header-value-01234',
  key: 'planted-webhook-signing-key',
  password: 'planted mail/password:ä',
}

test('no secret of a channel comes out, whatever its receiver says and wherever one looks', async () => {
  await using journey = await startJourney({ LOG_LEVEL: 'trace' })
  const { daemon } = journey
  // Everything that it was told, said back in an error.
  await using parrot = await startFakeForge(({ path, query, headers, body }) => {
    const words = `${path} ${String(query)} ${headers['authorization'] ?? ''} ${body}`
    const echo = { errcode: 1, errmsg: words, code: 1, msg: words, errCode: 1, errMsg: words }
    return { status: 200, json: echo }
  })
  await using mail = await startMailServer({ login: { user: 'reposync', password: 'another' } })
  const byQuery = `${parrot.origin}/send?access_token=${PLANTED.query}`
  const byPath = `${parrot.origin}/hook/${PLANTED.path}`
  const channels = [
    { type: 'dingtalk', config: { webhook: byQuery, secret: PLANTED.sign } },
    { type: 'feishu', config: { webhook: byPath, secret: PLANTED.sign } },
    { type: 'lanxin', config: { webhook: byQuery, sign: PLANTED.sign } },
    { type: 'wecom', config: { webhook: byQuery } },
    { type: 'slack', config: { webhook: byPath } },
    {
      type: 'webhook',
      config: { url: byPath, secret: PLANTED.key, headers: { Authorization: `Bearer ${PLANTED.header}` } },
    },
    {
      type: 'email',
      config: {
        smtp_host: '127.0.0.1',
        smtp_port: mail.port,
        username: 'reposync',
        password: PLANTED.password,
        from_address: 'a@example.com',
        to_addresses: ['b@example.com'],
        use_tls: false,
      },
    },
  ]
  const answers: unknown[] = []
  for (const channel of channels) {
    const id = await addChannel(daemon, { name: channel.type, ...channel })
    answers.push(await daemon.call('POST', `${CHANNELS}/${id}/test`))
    answers.push(
      await daemon.call('PUT', `${CHANNELS}/${id}`, { config: { ...channel.config, webhook: 'no' } }),
    )
    answers.push(
      await daemon.call('PUT', `${CHANNELS}/${id}`, { ...channel, config: JSON.stringify(channel.config) }),
    )
    answers.push(await daemon.call('POST', CHANNELS, { ...channel, name: channel.type }))
  }
  await rejectedDelivery(journey)
  await daemon.printed(/(notification (?:sent|was not taken)[^]*){7}/)

  for (const [index] of channels.entries()) {
    answers.push(await daemon.call('GET', `${CHANNELS}/${index + 1}`))
    const log = await daemon.call('GET', `${CHANNELS}/${index + 1}/deliveries`)
    answers.push(log)
    for (const id of idsIn(log.body)) {
      answers.push(await daemon.call('GET', `${CHANNELS}/${index + 1}/deliveries/${id}`))
    }
  }
  answers.push(await daemon.call('GET', CHANNELS))
  await daemon.stop()

  const shown = JSON.stringify(answers)
  expect(parrot.requests.length).toBeGreaterThan(10)
  expect(mail.logins.length).toBeGreaterThan(0)
  expect(shown).toContain('***')
  expect(plantedIn(shown)).toEqual([])
  expect(plantedIn(daemon.output())).toEqual([])
  expect(plantedIn(await filesIn(join(journey.folder.path, 'data')))).toEqual([])
})

function idsIn(body: unknown): readonly number[] {
  const List = z.object({ data: z.object({ items: z.array(z.looseObject({ id: z.number() })) }) })
  return List.parse(body).data.items.map(({ id }) => id)
}

function plantedIn(text: string): readonly string[] {
  return Object.values(PLANTED)
    .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
    .filter((secret) => text.includes(secret))
}

async function filesIn(folder: string): Promise<string> {
  const texts: string[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if ((await stat(path)).isFile()) texts.push(await readFile(path, 'latin1'), await readFile(path, 'utf8'))
  }
  return texts.join('\n')
}
