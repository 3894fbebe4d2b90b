import type { Forge } from './forge.ts'
import { giteaKin } from './gitea.ts'

// Forgejo sends everything that Gitea sends, and its own name in front.

export const forgejo: Forge = giteaKin('forgejo', ['json', 'form', 'query'])
