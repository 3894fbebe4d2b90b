import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { deleteLocalRefs } from '../../src/git/mirror-repository.ts'
import { killOrphans, recordProcess } from '../../src/git/orphans.ts'
import { fetchRefs, pushRefs } from '../../src/git/remote.ts'
import { openGit } from '../../src/git/room.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { openGitWorld, refName } from '../rig/git-world.ts'
import { findProcesses, waitForProcesses } from '../rig/processes.ts'
import { createFolder, installHook, readRefs } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

test('while any process holds the fence of a mirror, no second git works on it', async () => {
  await using world = await openGitWorld()
  const holder = spawn('flock', ['-n', `${world.mirror}.lock`, 'sh', '-c', 'echo held; read x'], {
    stdio: 'pipe',
  })
  await once(holder.stdout, 'data')

  const busy = await deleteLocalRefs(world.room.git, world.mirror, ['refs/internal/heads/a'], signal)
  holder.stdin.end()
  await once(holder, 'exit')
  const free = await deleteLocalRefs(world.room.git, world.mirror, ['refs/internal/heads/a'], signal)

  expect(busy).toMatchObject({ ok: false, failure: { kind: 'mirror_busy' } })
  expect(free).toEqual({ ok: true })
})

test('what a killed daemon left running is ended by the next one', async () => {
  await using world = await openGitWorld()
  world.server.fault('*', { kind: 'hang' })
  const script = `
    import { systemClock } from '${process.cwd()}/src/clock.ts'
    import { fetchRefs } from '${process.cwd()}/src/git/remote.ts'
    import { openGit } from '${process.cwd()}/src/git/room.ts'
    const git = await openGit({
      clock: systemClock, runtimeRoot: '${world.folder}/dying', idleTimeoutMs: 60000, timeoutMs: 0,
      allowAddress: () => true, hostKeys: { policy: 'strict', find: async () => [], trust: async () => {} },
    })
    await fetchRefs(git, '${world.mirror}', { url: '${world.remote.url}' }, { allInto: 'refs/x' }, { signal: new AbortController().signal })`
  const daemon = execFile(process.execPath, ['--input-type=module-typescript', '--eval', script])
  await waitForProcesses(world.server.origin, (processes) =>
    processes.some(({ command }) => command.startsWith('git --git-dir')),
  )
  await waitForProcesses(world.server.origin, (processes) =>
    processes.some(({ command }) => command.includes('remote-http')),
  )
  daemon.kill('SIGKILL')
  await once(daemon, 'exit')
  const left = (await findProcesses(world.server.origin)).filter(({ pid }) => pid !== daemon.pid)

  const busy = await deleteLocalRefs(world.room.git, world.mirror, ['refs/internal/heads/a'], signal)
  await killOrphans({ clock: systemClock }, world.folder)
  const free = await deleteLocalRefs(world.room.git, world.mirror, ['refs/internal/heads/a'], signal)

  expect(left.length).toBeGreaterThan(1)
  expect(busy).toMatchObject({ ok: false, failure: { kind: 'mirror_busy' } })
  expect(free).toEqual({ ok: true })
  expect(await findProcesses(world.server.origin)).toEqual([])
  expect((await readdir(world.folder)).filter((name) => name.endsWith('.pid'))).toEqual([])
})

test('a process that merely has the number of a recorded one is left alone', async () => {
  await using folder = await createFolder()
  const innocent = spawn('sleep', ['60'], { detached: true })
  await once(innocent, 'spawn')
  const { pid = 0 } = innocent
  recordProcess(join(folder.path, 'mirror.git'), pid)
  const path = join(folder.path, `mirror.git.${pid}.pid`)
  const record = await readFile(path, 'utf8')
  await writeFile(path, record.replace(/"started":"\d+"/, '"started":"1"'))
  await writeFile(join(folder.path, 'broken.pid'), 'not a record')

  await killOrphans({ clock: systemClock }, folder.path)
  const left = await findProcesses('sleep 60')
  innocent.kill()

  expect(left.map((process) => process.pid)).toContain(pid)
  expect(await readdir(folder.path)).toEqual([])
})

test('opening the room clears what dead processes have left in the runtime folder, and only that', async () => {
  await using world = await openGitWorld()
  await using folder = await createFolder()
  const options = { ...world.room.git, runtimeRoot: folder.path }
  await using living = await openGit(options)
  const dead = join(folder.path, `${process.pid}-1-abc`)
  await installHook(dead, 'key', 'secret')

  await using next = await openGit(options)

  expect((await readdir(folder.path)).length).toBe(2)
  await expect(access(await living.runtimeDir())).resolves.toBeUndefined()
  await expect(access(await next.runtimeDir())).resolves.toBeUndefined()
  await expect(access(dead)).rejects.toThrow('ENOENT')
})

test('configuration and hooks planted in a mirror have no effect', async () => {
  await using world = await openGitWorld()
  await using stranger = await startGitHttpServer()
  const { room, app, remote, work, mirror, folder } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  await stranger.createRepository('team/app')
  const marker = join(folder, 'marker')
  for (const name of ['pre-push', 'reference-transaction', 'post-update', 'update']) {
    await installHook(mirror, name, `touch ${marker}`)
  }
  const config = await readFile(join(mirror, 'config'), 'utf8')
  const planted = [
    `[url "${stranger.origin}"]\n\tinsteadOf = ${world.server.origin}`,
    `[core]\n\thooksPath = ${mirror}/hooks\n\tsshCommand = touch ${marker}\n\tfsmonitor = touch ${marker}`,
    `[credential]\n\thelper = "!touch ${marker}"`,
    '[http]\n\tfollowRedirects = true\n\tproxy = http://127.0.0.1:9',
  ].join('\n')

  await writeFile(join(mirror, 'config'), `${config}${planted}\n`)
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })
  await writeFile(join(mirror, 'config'), `${config}${planted}\n`)
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })

  expect(pushed).toMatchObject({ ok: true })
  expect(fetched).toEqual({ ok: true })
  expect((await readRefs(app.dir)).get(MAIN)).toBe(first)
  expect(stranger.requests).toEqual([])
  expect(await readFile(join(mirror, 'config'), 'utf8')).toBe(config)
  await expect(access(marker)).rejects.toThrow('ENOENT')
})
