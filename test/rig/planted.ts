import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { DaemonProcess } from './daemon.ts'
import { listAll, PASSWORDS, SECRET } from './journey.ts'

// Secrets that a daemon is given, and the places where none of them may ever show.

const API_TOKEN = 'planted-api-token-0123456789'
const SECRET_KEY = Buffer.alloc(32, 'planted key ').toString('base64')

/** Settings with secrets in them, and everything written down. */
export const PLANTED_SETTINGS = { API_TOKEN, SECRET_KEY, LOG_LEVEL: 'trace' } as const
/** A password that no server takes. */
export const WRONG_PASSWORD = 'planted-wrong-password'

const PLANTED: readonly string[] = [
  API_TOKEN,
  SECRET_KEY,
  SECRET,
  WRONG_PASSWORD,
  ...Object.values(PASSWORDS).flatMap(({ username, password }) => [
    password,
    encodeURIComponent(password),
    Buffer.from(password).toString('base64'),
    Buffer.from(`${username}:${password}`).toString('base64'),
  ]),
]

/** The secrets that stand in a text, in any form. */
export function plantedIn(text: string): readonly string[] {
  return PLANTED.filter((secret) => text.includes(secret))
}

/** The same for all files below the folder of a daemon, each with its path. */
export async function plantedInFiles(folder: string): Promise<readonly string[]> {
  const texts = [...(await textsOf(join(folder, 'data'))), ...(await textsOf(join(folder, 'sync')))]
  return texts.flatMap(([path, text]) => plantedIn(text).map((secret) => `${path}: ${secret}`))
}

export async function textsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    if (isFile) texts.set(path, await readFile(path, 'utf8'))
  }
  return texts
}

/** All that a daemon tells whoever may ask, in one text. */
export async function everyAnswer(daemon: Pick<DaemonProcess, 'call'>): Promise<string> {
  const Row = z.looseObject({ id: z.number() })
  const runs = await listAll(daemon, '/api/v1/runs', Row)
  const deliveries = await listAll(daemon, '/api/v1/deliveries', Row)
  const bindings = await listAll(daemon, '/api/v1/bindings', z.looseObject({ name: z.string() }))
  const paths = [
    '/cerobot/sync/repo?page_size=100',
    '/api/v1/runs',
    '/api/v1/deliveries',
    ...runs.flatMap(({ id }) => [`/api/v1/runs/${id}`, `/api/v1/runs/${id}/log`]),
    ...deliveries.map(({ id }) => `/api/v1/deliveries/${id}`),
    ...bindings.flatMap(({ name }) => [
      `/cerobot/sync/repo/${name}/logs`,
      ...['', '/conflicts?state=all', '/backups'].map((path) => `/api/v1/bindings/${name}${path}`),
    ]),
    // This asks both forges, so not of hundreds.
    ...bindings.slice(0, 5).map(({ name }) => `/api/v1/bindings/${name}/status`),
  ]
  const answers = await Promise.all(paths.map((path) => daemon.call('GET', path)))
  return answers.map(({ body }) => (typeof body === 'string' ? body : JSON.stringify(body))).join('\n')
}
