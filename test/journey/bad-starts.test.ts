import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runDaemonProcess, startDaemonProcess } from '../rig/daemon.ts'
import { headOf, pushTo, runOf, startJourney } from '../rig/journey.ts'
import { createFolder } from '../rig/repository.ts'

// A daemon that cannot start says why in one sentence, and harms nobody.

test.each([
  ['the port is out of range', { PORT: '99999' }, /^reposync: PORT is "99999" but .+\n$/],
  ['a duration has no unit', { SYNC_IDLE_TIMEOUT: '30' }, /^reposync: SYNC_IDLE_TIMEOUT is "30" but .+\n$/],
  ['a secret is for no forge', { WEBHOOK_SECRET_GITHUBB: 'x' }, /^reposync: WEBHOOK_SECRET_GITHUBB .+\n$/],
  ['the key is no key', { SECRET_KEY: 'short' }, /^reposync: SECRET_KEY must be 32 bytes .+\n$/],
  ['a bundle is missing', { HOST_CA: '*=none.pem' }, /^reposync: HOST_CA names \S+none\.pem, .+\n$/],
  ['a bundle holds nothing', { HOST_CA: '*=file' }, /^reposync: HOST_CA names \S+file, .+\n$/],
  ['a proxy has no port', { HOST_PROXY: '*=http://a:b@c' }, /^reposync: HOST_PROXY must be .+\n$/],
  ['SYNC_DIR is a file', { SYNC_DIR: 'file' }, /^reposync: SYNC_DIR \S+file cannot be made: .+\n$/],
  ['SYNC_DIR is below a file', { SYNC_DIR: 'file/sync' }, /^reposync: SYNC_DIR \S+ cannot be made: .+\n$/],
  ['SYNC_DIR is shared by all', { SYNC_DIR: 'shared' }, /^reposync: SYNC_DIR \S+ is shared; .+\n$/],
  ['the database is no database', { DATABASE_URL: 'sqlite:file' }, /^reposync: opening the database .+\n$/],
  [
    'the database is below a file',
    { DATABASE_URL: 'sqlite:file/x.db' },
    /^reposync: opening the database .+\n$/,
  ],
  ['there is no such configuration', { CONFIG_FILE: 'none.yaml' }, /^reposync: CONFIG_FILE names .+\n$/],
])('when %s the start is refused in one sentence', async (_, env, sentence) => {
  await using folder = await createFolder()
  await writeFile(join(folder.path, 'file'), 'this is no database\n'.repeat(1000))
  await mkdir(join(folder.path, 'shared'))
  await chmod(join(folder.path, 'shared'), 0o1777)

  const { code, output } = await runDaemonProcess({ dir: folder.path, env })

  expect(output).toMatch(sentence)
  expect(code).toBe(1)
  expect((await stat(join(folder.path, 'shared'))).mode & 0o7777).toBe(0o1777)
})

test('a second daemon on the same data, mirrors or port is refused, and the first one does not notice', async () => {
  await using journey = await startJourney()
  const { daemon, folder, work } = journey
  const app = await journey.bind('app')
  const hold = journey.outer.hold('receive-pack')
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const { body } = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await hold.reached

  const sameData = await runDaemonProcess({ dir: folder.path })
  const sameMirrors = await runDaemonProcess({
    dir: folder.path,
    env: { DATABASE_URL: 'sqlite:other/reposync.db' },
  })
  const samePort = await runDaemonProcess({
    dir: folder.path,
    env: {
      PORT: new URL(daemon.url).port,
      DATABASE_URL: 'sqlite:other/reposync.db',
      SYNC_DIR: join(folder.path, 'other/sync'),
    },
  })
  hold.release()
  const run = await daemon.runEnded(runOf(body))

  expect(sameData).toMatchObject({ code: 1 })
  expect(sameData.output).toMatch(/^reposync: another reposync works on the database \S+ already; .+\n$/)
  expect(sameMirrors).toMatchObject({ code: 1 })
  expect(sameMirrors.output).toMatch(
    /^reposync: another reposync keeps its mirrors in \S+ already; .+SYNC_DIR\n$/,
  )
  expect(samePort).toMatchObject({ code: 1 })
  expect(samePort.output).toContain('something else listens on')
  expect(run).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('credentials sealed with a key that is gone are named in the failure of the run', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await journey.restart({ SECRET_KEY: Buffer.alloc(32, 7).toString('base64') })

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')
  const pushed = await journey.daemon.deliver(
    pushTo('gitea', app.inner, 'main', await journey.work.commit('a')),
  )
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(body).toMatchObject({ code_status: 20012 })
  expect(run).toMatchObject({ status: 'failed', code: 20012, attempts: 1 })
  expect(run.hint).toContain('SECRET_KEY')
  expect(journey.daemon.output()).not.toMatch(/"stack"/)
  expect(body).toHaveProperty('detail', expect.stringContaining('SECRET_KEY'))
  expect(journey.daemon.output()).toContain('stored tokens cannot be read with this SECRET_KEY')
})

test('a key that is gone is not replaced where something is encrypted with it, and the start says so', async () => {
  await using journey = await startJourney()
  await journey.bind('app')
  await journey.daemon.stop()
  const file = join(journey.folder.path, 'data/secret.key')
  const key = await readFile(file, 'utf8')
  await rm(file)

  const refused = await runDaemonProcess({ dir: journey.folder.path })
  const isMade = await stat(file).then(
    () => true,
    () => false,
  )
  await journey.restart({ SECRET_KEY: key.trim() })
  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(refused.code).toBe(1)
  expect(refused.output).toMatch(/^reposync: SECRET_KEY_FILE \S+secret\.key: .+ \/ .+ SECRET_KEY; .+\n$/)
  expect(isMade).toBe(false)
  expect(body).toMatchObject({ code_status: 0 })
})

test('a daemon that starts leaves its folders to itself alone', async () => {
  await using folder = await createFolder()
  await using _daemon = await startDaemonProcess({ dir: folder.path })

  const modes = await Promise.all(
    ['sync', 'data', 'data/reposync.db', 'data/secret.key', 'data/backups'].map(
      async (name) => (await stat(join(folder.path, name))).mode & 0o077,
    ),
  )

  expect(modes).toEqual([0, 0, 0, 0, 0])
})
