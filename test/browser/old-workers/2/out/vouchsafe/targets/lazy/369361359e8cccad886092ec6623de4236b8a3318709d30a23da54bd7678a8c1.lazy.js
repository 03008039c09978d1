import { shared } from './shared.js';

export const lazy = `loaded with ${shared}`;
