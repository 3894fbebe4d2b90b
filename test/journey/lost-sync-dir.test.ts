import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runDaemonProcess } from '../rig/daemon.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { expectSuccess, headOf, startJourney } from '../rig/journey.ts'
import { createFolder } from '../rig/repository.ts'

// SYNC_DIR is a cache, by default below /tmp, where anybody may tidy up while the daemon runs.

test('a sync works after the folder of mirrors was removed under the daemon, over HTTP', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const syncDir = join(journey.folder.path, 'sync')
  const sync = async (): Promise<unknown> =>
    expectSuccess((await daemon.call('POST', '/cerobot/sync/repo/app')).body)
  await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await sync()

  await rm(syncDir, { recursive: true })
  const ready = await daemon.call('GET', '/readyz')
  await rm(syncDir, { recursive: true })
  const second = await work.commit('second')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/more')
  await sync()

  expect(ready).toMatchObject({ status: 200 })
  expect(await headOf(app.outer, 'main')).toBe(second)
  expect(await headOf(app.outer, 'more')).toBe(second)
  for (const folder of [syncDir, join(syncDir, '.run')]) expect((await stat(folder)).mode & 0o777).toBe(0o700)
})

test('the same over SSH, whose keys and shared connections lie in that folder', async () => {
  await using server = await startGitSshServer()
  await using journey = await startJourney({ SYNC_ATTEMPTS: '1' })
  const { daemon, work } = journey
  const inner = await server.createRepository('inner/app')
  const outer = await server.createRepository('outer/app')
  const sides = { internal_repo_address: inner.url, external_repo_address: outer.url }
  await journey.bind('app', { ...sides, inter_token: server.userKey, exter_token: server.userKey })
  await work.commit('first')
  await work.push(inner.dir, 'HEAD:refs/heads/main')
  expectSuccess((await daemon.call('POST', '/cerobot/sync/repo/app')).body)

  await rm(join(journey.folder.path, 'sync'), { recursive: true })
  const second = await work.commit('second')
  await work.push(inner.dir, 'HEAD:refs/heads/main')
  expectSuccess((await daemon.call('POST', '/cerobot/sync/repo/app')).body)

  expect(await headOf(outer, 'main')).toBe(second)
})

test('a folder that was removed is kept from a second daemon again once it is back', async () => {
  await using journey = await startJourney()
  await using elsewhere = await createFolder()
  const syncDir = join(journey.folder.path, 'sync')
  await rm(syncDir, { recursive: true })
  await journey.daemon.call('GET', '/readyz')

  const second = await runDaemonProcess({ dir: elsewhere.path, env: { SYNC_DIR: syncDir } })

  expect(second.code).not.toBe(0)
  expect(second.output).toContain(`another reposync keeps its mirrors in ${syncDir} already`)
})
