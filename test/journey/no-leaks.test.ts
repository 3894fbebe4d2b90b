import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Hold } from '../rig/git-http-server.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { pushTo, runOf, startJourney } from '../rig/journey.ts'
import { commandLines } from '../rig/leftovers.ts'
import {
  everyAnswer,
  PLANTED_SETTINGS,
  plantedIn,
  plantedInFiles,
  textsOf,
  WRONG_PASSWORD,
} from '../rig/planted.ts'
import { installHook, protectBranches } from '../rig/repository.ts'

test('no secret shows in a command line, log, answer, database or mirror, whatever goes wrong', async () => {
  await using journey = await startJourney({ ...PLANTED_SETTINGS, SYNC_ATTEMPTS: '1' })
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const wrong = await journey.bind('wrong', { inter_token: `ada:${WRONG_PASSWORD}` })
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
