/* stop_words.c - short lists: articles, pronouns, prepositions, conjunctions, auxiliaries. Words that place things in
 * a picture ("left", "behind", "two") stay words. */
#include "data/stop_words.h"

#include <stddef.h>
#include <string.h>

static const char english[] =
    "a an the this that these those some any each every such "
    "i me my mine myself you your yours yourself he him his himself she her hers herself it its itself "
    "we us our ours ourselves they them their theirs themselves who whom whose which what "
    "and or nor but if then than as so because while when where why how "
    "of in on at by for with from to into onto about there here also too very just only own same "
    "am is are was were be been being have has had having do does did doing done "
    "will would shall should can could may might must not no "
    "it's that's there's he's she's i'm don't doesn't isn't aren't can't won't";

static const char german[] =
    "der die das den dem des ein eine einer eines einem einen dieser diese dieses diesem diesen jener jene jenes "
    "ich mich mir mein meine du dich dir dein deine er ihn ihm sein seine seiner seinem seinen sie ihr ihre ihrer "
    "ihrem ihren es wir uns unser unsere euch euer eure man sich wer wen wem was welche welcher welches "
    "und oder aber denn wenn als wie dass ob weil damit doch so auch nur noch schon sehr hier da dort "
    "in im ins an am ans auf aus bei beim mit nach von vom zu zum zur für um durch über "
    "bin bist ist sind seid war waren gewesen sein werden wird wurde wurden haben hat hatte hatten habe "
    "kann können muss müssen soll sollen will wollen darf nicht kein keine keiner keinem keinen";

static const char french[] =
    "le la les l un une des du de d ce cet cette ces c mon ma mes ton ta tes son sa ses notre nos votre vos leur "
    "leurs "
    "je j me m moi tu te t toi il elle on nous vous ils elles se s lui eux y en qui que qu quoi dont où quel quelle "
    "quels quelles et ou mais donc or ni car si comme quand lorsque puisque parce aussi très plus "
    "à au aux dans par pour avec sur en vers chez "
    "suis es est sommes êtes sont était étaient été être ai as a avons avez ont avait avaient avoir eu "
    "fait faire peut ne n pas non ici là cela ça celui celle ceux";

static const char spanish[] =
    "el la los las lo un una unos unas al del este esta estos estas ese esa esos esas aquel aquella esto eso "
    "yo me mi mis tú tu tus te él ella ello nos nosotros vosotros os ellos ellas se su sus le les "
    "que qué quien quién cual cuál cuyo donde dónde cuando cuándo como cómo "
    "y e o u ni pero sino si porque pues aunque también muy más ya "
    "de en a con por para desde hasta "
    "soy eres es somos son era eran fue fueron ser sido estoy está están estaba estaban estar "
    "he ha han había habían haber hay tiene tienen tener no";

static const struct {
    const char *name[4]; /* Snowball and ISO 639 names */
    const char *words;
} list[] = {
    {{"english", "en", "eng", "porter"}, english},
    {{"german", "de", "deu", "ger"}, german},
    {{"french", "fr", "fra", "fre"}, french},
    {{"spanish", "es", "spa", "esl"}, spanish},
};

const char *adah_stop_words(const char *language) {
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        for (size_t k = 0; k < 4; k++)
            if (strcmp(list[i].name[k], language) == 0)
                return list[i].words;
    return "";
}
