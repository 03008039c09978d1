/** The release number that this build was made as; set by the build. */
declare const RELEASE: number;
