import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServerProcess } from './process.ts'
import { freePort, startServer } from './process.ts'

// adnanh/webhook: the usual small program that verifies a signed webhook and runs a command. It keeps
// nothing: what it has answered is lost when it dies.

const HOOK = 'push'

/** Undefined when it is not installed. The hook runs `/bin/true`, after the answer. */
export async function startHookRunner(
  dir: string,
  secret: string,
): Promise<(ServerProcess & { readonly hookUrl: string }) | undefined> {
  if (!isInstalled('webhook')) return undefined
  const hooks = join(dir, 'hooks.json')
  const signed = {
    type: 'payload-hmac-sha256',
    secret,
    parameter: { source: 'header', name: 'X-Hub-Signature-256' },
  }
  // Else a request that fits no rule would be answered with 200 all the same.
  const refusal = { 'trigger-rule-mismatch-http-response-code': 403 }
  await writeFile(
    hooks,
    JSON.stringify([
      { id: HOOK, 'execute-command': '/bin/true', 'trigger-rule': { match: signed }, ...refusal },
    ]),
  )
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    dir,
    command: 'webhook',
    args: ['-hooks', hooks, '-ip', '127.0.0.1', '-port', String(port)],
    findUrl: () => answersAt(url),
  })
  return { ...server, hookUrl: `${url}/hooks/${HOOK}` }
}

function isInstalled(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':')
  return folders.some((folder) => existsSync(join(folder, program)))
}

async function answersAt(url: string): Promise<string | undefined> {
  try {
    await (await fetch(url)).text()
    return url
  } catch {
    return undefined
  }
}
