import { z } from 'zod'
import type { Answer, DaemonProcess } from '../../rig/daemon.ts'
import { startDaemonProcess } from '../../rig/daemon.ts'
import { createFolder } from '../../rig/repository.ts'
import type { Folder } from '../../rig/repository.ts'

// A daemon, and the channels that a client makes through it.

export const CHANNELS = '/api/v1/notification/channels'

export type Served = AsyncDisposable & { readonly daemon: DaemonProcess; readonly folder: Folder }

export async function serve(env: Readonly<Record<string, string>> = {}): Promise<Served> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const daemon = stack.use(await startDaemonProcess({ dir: folder.path, env }))
  const owned = stack.move()
  return { daemon, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export const Channel = z.looseObject({
  id: z.number(),
  config: z.record(z.string(), z.unknown()),
  secret: z.string().optional(),
})

export async function create(daemon: DaemonProcess, body: Readonly<Record<string, unknown>>) {
  const answer = await daemon.call('POST', CHANNELS, body)
  const read = z.object({ data: Channel }).safeParse(answer.body)
  if (!read.success) throw new Error(JSON.stringify(answer.body))
  return read.data.data
}

export function dingtalk(name: string, webhook = 'https://oapi.dingtalk.com/robot/send?access_token=xxx') {
  return { type: 'dingtalk', name, config: { webhook, secret: 'SECxxx' }, events: ['sync_failure'] }
}

export async function all(daemon: DaemonProcess) {
  const { body } = await daemon.call('GET', CHANNELS)
  return z.object({ data: z.object({ items: z.array(Channel) }) }).parse(body).data.items
}

export function detailOf({ body }: Answer): string {
  return z.object({ detail: z.string() }).parse(body).detail
}
