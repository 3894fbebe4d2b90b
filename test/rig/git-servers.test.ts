import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startGitHttpServer } from './git-http-server.ts'
import { startGitSshServer } from './git-ssh-server.ts'
import { createFolder, createWorkRepository, git, protectBranches, readRefs } from './repository.ts'

const run = promisify(execFile)

test('the HTTP server takes a push, serves it again and calls back', async () => {
  const pushed: string[] = []
  await using folder = await createFolder()
  await using server = await startGitHttpServer({ onPush: (repository) => pushed.push(repository) })
  const app = await server.createRepository('team/app')
  const work = await createWorkRepository(folder.path)
  const first = await work.commit('first')

  await work.push(app.url, 'main')

  expect(await readRefs(app.dir)).toEqual(new Map([['refs/heads/main', first]]))
  expect(await git(folder.path, 'ls-remote', app.url)).toContain(`${first}\trefs/heads/main`)
  expect(pushed).toEqual(['team/app'])
})

test('the HTTP server refuses without its password and answers faults', async () => {
  await using folder = await createFolder()
  await using server = await startGitHttpServer({ username: 'ada', password: 'secret' })
  const app = await server.createRepository('app')

  await expect(git(folder.path, 'ls-remote', app.url)).rejects.toThrow('could not read Username')
  server.fault('app', { kind: 'status', status: 503 })
  await expect(git(folder.path, 'ls-remote', app.url)).rejects.toThrow('503')

  expect(server.requests.map(({ method, service }) => [method, service])).toEqual([
    ['GET', 'info/refs'],
    ['GET', 'info/refs'],
  ])
})

test('a held push has not reached git until it is released', async () => {
  await using folder = await createFolder()
  await using server = await startGitHttpServer()
  const app = await server.createRepository('app')
  const work = await createWorkRepository(folder.path)
  await work.commit('first')
  const hold = server.hold('receive-pack')

  const pushing = work.push(app.url, 'main')
  await hold.reached
  const before = await readRefs(app.dir)
  hold.release()
  await pushing

  expect(before.size).toBe(0)
  expect((await readRefs(app.dir)).size).toBe(1)
})

test('a protected branch declines the whole push', async () => {
  await using folder = await createFolder()
  await using server = await startGitHttpServer()
  const app = await server.createRepository('app')
  await protectBranches(app.dir, 'main')
  const work = await createWorkRepository(folder.path)
  await work.commit('first')

  await expect(work.push(app.url, 'main', 'main:refs/heads/other')).rejects.toThrow('GH006')

  expect((await readRefs(app.dir)).size).toBe(0)
})

test('the SSH server accepts its user key and refuses another', async () => {
  await using folder = await createFolder()
  await using server = await startGitSshServer()
  const app = await server.createRepository('app')
  const work = await createWorkRepository(folder.path)
  const first = await work.commit('first')
  await work.push(app.dir, 'main')
  const list = async (privateKey: string): Promise<string> => {
    const keyFile = join(folder.path, 'key')
    await writeFile(keyFile, privateKey, { mode: 0o600 })
    const ssh = `ssh -F /dev/null -i ${keyFile} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`
    const { stdout } = await run('git', ['ls-remote', app.url], {
      env: { PATH: '/usr/bin:/bin', GIT_SSH_COMMAND: ssh },
    })
    return stdout
  }

  const accepted = await list(server.userKey)

  expect(accepted).toContain(`${first}\trefs/heads/main`)
  await expect(list(server.strangerKey)).rejects.toThrow('Permission denied')
  expect(server.log()).toContain('Accepted publickey')
})
