import { z } from 'zod'
import { ForgeNameText } from '../../hook/hook.ts'

/** What a request gives so that a forge can be asked; each may be known already. */
export const apiAccess = {
  api_token: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/, 'printable characters without spaces')
    .optional(),
  forge: ForgeNameText.optional(),
  api_url: z
    .string()
    .max(2000)
    .refine(isApiUrl, 'an http or https address without user name, password or query')
    .optional(),
}

function isApiUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return isPlain && (url.protocol === 'http:' || url.protocol === 'https:')
}
