export const shared = 'a chunk of its own';
