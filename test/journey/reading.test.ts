import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import { allRunsEnded, headOf, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { protectBranches } from '../rig/repository.ts'

test('the log of a run can be followed while it runs, and says how it ended', async () => {
  await using journey = await startJourney()
  const { daemon, outer } = journey
  const app = await journey.bind('app')
  const hold = outer.hold('receive-pack')
  const run = await pushInside(journey, app)
  await hold.reached

  const followed = await fetch(`${daemon.url}/api/v1/runs/${run}/log`, {
    headers: { accept: 'text/event-stream' },
  })
  const reader = readerOf(followed)
  const early = await reader.until(/git push/)
  const during = await daemon.call('GET', `/api/v1/runs/${run}`)
  const plain = await daemon.call('GET', `/api/v1/runs/${run}/log`)
  hold.release()
  const whole = await reader.untilEnd()
  const after = await daemon.call('GET', `/api/v1/runs/${run}/log`)

  expect(followed.headers.get('content-type')).toContain('text/event-stream')
  expect(early).toMatch(/event: log\ndata: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| INFO \| robot - /)
  expect(early).not.toContain('event: end')
  expect(during.body).toMatchObject({ data: { status: 'running', finished_at: null } })
  expect(plain.body).toContain('git push')
  expect(whole).toMatch(/event: end\ndata: \{"status":"succeeded","code":0\}/)
  const sent = [...whole.matchAll(/^event: log\ndata: (.*)$/gm)].map(([, line]) => `${line ?? ''}\n`)
  expect(sent.join('')).toBe(after.body)
})

test('runs and deliveries are read in pages and through filters', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const other = await journey.bind('other')
  await protectBranches(other.outer.dir, 'main')
  for (let number = 0; number < 3; number += 1) await daemon.runEnded(await pushInside(journey, app))
  await daemon.runEnded(await pushInside(journey, other))
  await daemon.call('POST', '/cerobot/sync/repo/app')
  await daemon.deliver(pushTo('gitlab', app.outer, 'main', await work.resolve('HEAD')))
  await allRunsEnded(daemon)

  const ids = async (path: string): Promise<unknown> => {
    const { body } = await daemon.call('GET', `/api/v1/${path}`)
    return z.object({ data: Page }).parse(body).data
  }
  const found = {
    all: await ids('runs?page_size=100000'),
    second: await ids('runs?page=2&page_size=2'),
    beyond: await ids('runs?page=99'),
    manual: await ids('runs?trigger=manual'),
    failed: await ids('runs?status=failed&binding=other'),
    none: await ids('runs?binding=nobody'),
    deliveries: await ids('deliveries?page_size=3'),
    gitlab: await ids('deliveries?forge=gitlab'),
    ignored: await ids('deliveries?status=ignored'),
    ofApp: await ids('deliveries?binding=app'),
  }

  expect(found).toEqual({
    all: {
      items: [{ id: 5 }, { id: 4 }, { id: 3 }, { id: 2 }, { id: 1 }],
      total: 5,
      page: 1,
      page_size: 100,
    },
    second: { items: [{ id: 3 }, { id: 2 }], total: 5, page: 2, page_size: 2 },
    beyond: { items: [], total: 5, page: 99, page_size: 20 },
    manual: { items: [{ id: 5 }], total: 1, page: 1, page_size: 20 },
    failed: { items: [{ id: 4 }], total: 1, page: 1, page_size: 20 },
    none: { items: [], total: 0, page: 1, page_size: 20 },
    deliveries: { items: [{ id: 5 }, { id: 4 }, { id: 3 }], total: 5, page: 1, page_size: 3 },
    gitlab: { items: [{ id: 5 }], total: 1, page: 1, page_size: 20 },
    ignored: { items: [{ id: 5 }], total: 1, page: 1, page_size: 20 },
    ofApp: { items: [{ id: 3 }, { id: 2 }, { id: 1 }], total: 3, page: 1, page_size: 20 },
  })
})

test('what cannot be read is said in the envelope, in both languages', async () => {
  await using journey = await startJourney()
  const calls = [
    ['GET', '/api/v1/runs/999', 404],
    ['GET', '/api/v1/runs/999/log', 404],
    ['GET', '/api/v1/deliveries/999', 404],
    ['POST', '/api/v1/deliveries/999/replay', 404],
    ['GET', '/api/v1/nothing', 404],
    ['GET', '/api/v1/runs/abc', 400],
    ['GET', '/api/v1/runs/-1', 400],
    ['GET', '/api/v1/runs/1.5', 400],
    ['GET', '/api/v1/runs/99999999999999999999', 400],
    ['GET', '/api/v1/deliveries/%00', 400],
    ['GET', '/api/v1/runs?page=0', 400],
    ['GET', '/api/v1/runs?page_size=ten', 400],
    ['GET', '/api/v1/runs?status=lost', 400],
    ['GET', '/api/v1/deliveries?status=lost', 400],
  ] as const

  const answers = await Promise.all(calls.map(([method, path]) => journey.daemon.call(method, path)))

  expect(answers).toMatchObject(calls.map(([, , status]) => ({ status, body: { code: status, data: null } })))
  const Words = z.looseObject({ message: z.string(), detail: z.string() })
  const texts = answers
    .map(({ body }) => Words.parse(body))
    .flatMap(({ message, detail }) => [message, detail])
  expect(texts.filter((text) => !/\p{Script=Han}.* \/ .*[a-z]/su.test(text))).toEqual([])
})

test.each([
  ['true', true],
  ['False', false],
])('with LOG_DETAIL=%s the log keeps what the server said: %s', async (setting, keeps) => {
  await using journey = await startJourney({ LOG_DETAIL: setting })
  const app = await journey.bind('app')
  await protectBranches(app.outer.dir, 'main')

  const run = await journey.daemon.runEnded(await pushInside(journey, app))

  expect(run).toMatchObject({ status: 'failed', code: 20011 })
  expect(run.log).toContain('20011 推送到受保护的分支被拒绝')
  expect(run.log?.includes('GH006')).toBe(keeps)
})

test('with DELETE_SYNC_DIR no mirror stays, and every sync works without one', async () => {
  await using journey = await startJourney({ DELETE_SYNC_DIR: 'true' })
  const app = await journey.bind('app')
  const mirrors = async (): Promise<readonly string[]> =>
    (await readdir(join(journey.folder.path, 'sync'))).filter((name) => name.startsWith('binding-'))

  const first = await journey.daemon.runEnded(await pushInside(journey, app))
  const afterFirst = await mirrors()
  const second = await journey.daemon.runEnded(await pushInside(journey, app))
  const afterSecond = await mirrors()

  expect([first.status, second.status]).toEqual(['succeeded', 'succeeded'])
  expect([...afterFirst, ...afterSecond]).toEqual([])
  expect(await headOf(app.outer, 'main')).toBe(await journey.work.resolve('HEAD'))
})

const Page = z.object({
  items: z.array(z.object({ id: z.number() })),
  total: z.number(),
  page: z.number(),
  page_size: z.number(),
})

/** Pushes a new commit inside and returns the run that its delivery asked for. */
async function pushInside({ work, daemon }: Journey & { readonly daemon: DaemonProcess }, app: BoundPair) {
  const commit = await work.commit(crypto.randomUUID())
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  return runOf((await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))).body)
}

/** Reads an answer while it comes in. */
function readerOf(response: Response) {
  if (response.body === null) throw new Error('the answer has no body')
  const chunks = response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  let text = ''
  const read = async (isEnough: () => boolean): Promise<string> => {
    while (!isEnough()) {
      const { done, value } = await chunks.next()
      if (done === true) break
      text += value
    }
    return text
  }
  return {
    until: (pattern: RegExp) => read(() => pattern.test(text)),
    untilEnd: () => read(() => false),
  }
}
