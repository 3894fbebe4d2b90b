import { spawn } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '../test/rig/repository.ts'

// History in bulk: one git makes all of it.

const FILES = 200
const PERSON = 'Ada <ada@example.org>'
const FIRST_COMMIT_AT = 1_700_000_000

/** Fills a bare repository: 200 files on `main`, and so many further branches with one commit of their own. */
export async function fillRepository(dir: string, branches: number): Promise<void> {
  const files = Array.from({ length: FILES }, (_, file) => fileCommand(`src/${file}.txt`, textOf(file)))
  const commands = [commitCommand('refs/heads/main', 'first', FIRST_COMMIT_AT), ...files]
  for (let branch = 0; branch < branches; branch += 1) {
    const time = FIRST_COMMIT_AT + branch + 1
    commands.push(commitCommand(`refs/heads/${branchName(branch)}`, `work ${branch}`, time))
    commands.push('from refs/heads/main\n')
    commands.push(fileCommand(`src/${branch % FILES}.txt`, textOf(branch + FILES)))
  }
  await fastImport(dir, commands.join(''))
  await git(dir, 'repack', '-a', '-d', '--quiet')
  await git(dir, 'pack-refs', '--all')
}

/** Fills a bare repository with so many refs below a prefix such as `refs/tags/`, each with a commit of its own. */
export async function fillWithRefs(dir: string, prefix: string, count: number): Promise<void> {
  const commands = [
    commitCommand('refs/heads/main', 'first', FIRST_COMMIT_AT),
    fileCommand('a.txt', textOf(0)),
  ]
  for (let number = 0; number < count; number += 1) {
    const time = FIRST_COMMIT_AT + number + 1
    commands.push(commitCommand(`${prefix}${branchName(number)}`, `work ${number}`, time))
    commands.push('from refs/heads/main\n')
  }
  await fastImport(dir, commands.join(''))
  await git(dir, 'repack', '-a', '-d', '--quiet')
  await git(dir, 'pack-refs', '--all')
}

/** Puts one more commit on a branch and returns what it is then. */
export function advance(dir: string, branch: string, message: string): Promise<string> {
  return advanceRef(dir, `refs/heads/${branch}`, `refs/heads/${branch}`, message)
}

/** Puts a ref on a new commit on top of `from` and returns what it is then. */
export async function advanceRef(dir: string, ref: string, from: string, message: string): Promise<string> {
  const commit = commitCommand(ref, message, Math.floor(Date.now() / 1000))
  await fastImport(dir, `${commit}from ${from}^0\n${fileCommand('news.txt', `${message}\n`)}`)
  return git(dir, 'rev-parse', ref)
}

/** Gives a new bare repository the objects and refs of another one. */
export async function copyContent(fromDir: string, toDir: string): Promise<void> {
  await cp(join(fromDir, 'objects'), join(toDir, 'objects'), { recursive: true })
  await cp(join(fromDir, 'packed-refs'), join(toDir, 'packed-refs'))
}

export function branchName(number: number): string {
  return `work/${String(number).padStart(4, '0')}`
}

function commitCommand(ref: string, message: string, time: number): string {
  return `commit ${ref}\ncommitter ${PERSON} ${time} +0000\n${data(message)}`
}

function fileCommand(path: string, text: string): string {
  return `M 100644 inline ${path}\n${data(text)}`
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`
}

function textOf(seed: number): string {
  return Array.from({ length: 40 }, (_, line) => `line ${line} of text ${seed * 7919 + line}\n`).join('')
}

function fastImport(dir: string, commands: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', dir, 'fast-import', '--quiet'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`git fast-import ended with ${code ?? 'a signal'}`))
    })
    child.stdin.end(commands)
  })
}
